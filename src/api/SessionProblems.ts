/** What a session refuses, as the problem it is over HTTP. */
import { BadRequest, Conflict, LimitReached, NotFound, unavailable } from "./Problems.ts"

interface Told {
  readonly message: string
}

const missing = ({ message }: Told) => new NotFound({ detail: message })
const mistaken = ({ message }: Told) => new BadRequest({ detail: message })
const conflicting = ({ message }: Told) => new Conflict({ detail: message })
const exceeding = ({ message }: Told) => new LimitReached({ detail: message })

/** Of a session that is there. */
export const ofPresent = { SessionUnknown: missing, StoreUnavailable: unavailable } as const

export const ofMessage = {
  AgentUnknown: missing,
  AgentMissing: mistaken,
  SessionTaken: conflicting,
  SessionLimitReached: exceeding,
  SessionCrowded: exceeding,
  Draining: unavailable,
  StoreUnavailable: unavailable
} as const

export const ofChange = { ...ofPresent, ModelUnknown: mistaken } as const

export const ofPin = { ...ofPresent, NothingSaid: mistaken, PinLimitReached: exceeding } as const

const ofCopy = {
  LogUnfit: mistaken,
  SessionExists: conflicting,
  SessionLimitReached: exceeding,
  Draining: unavailable
} as const

export const ofFork = { ...ofPresent, ...ofCopy, ForkOutOfRange: mistaken } as const

export const ofImport = {
  ...ofCopy,
  AgentUnknown: missing,
  LineInvalid: mistaken,
  StoreUnavailable: unavailable
} as const
