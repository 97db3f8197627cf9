/** One streamed answer over HTTP: what its head says, and its body as whole events for a vendor's codec to read. */
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as BodyWatch from "./BodyWatch.ts"
import type { ServerEvent } from "./EventParser.ts"
import { eventStream } from "./EventStream.ts"
import { type ErrorContext, fromBodyFault, make } from "./HttpFailure.ts"
import type { Timeouts } from "./Patience.ts"
import type { ProviderPart } from "./Provider.ts"
import type { ProviderError } from "./ProviderError.ts"
import { isContent } from "./Retry.ts"
import type { Deadline } from "./RetryBudget.ts"

/** What the head of an answer says; nothing before it has come. */
export interface Head {
  readonly requestId: string | null
  readonly contentType: string | null
}

export type EventPull = Pull.Pull<Arr.NonEmptyReadonlyArray<ServerEvent>, ProviderError>
export type PartPull = Pull.Pull<Arr.NonEmptyReadonlyArray<ProviderPart>, ProviderError>

export interface AnswerOptions {
  readonly context: ErrorContext
  readonly timeouts: Timeouts
  /** When the call as a whole is given up. */
  readonly deadline?: Deadline | undefined
  readonly send: Effect.Effect<Response, ProviderError>
  /** The header with the vendor's own id of the request. */
  readonly idHeader: string
  /** Told the headers of every answer; `now` in milliseconds. */
  readonly onHead: (headers: Headers, now: number) => void
  /** The last event that means anything. */
  readonly isLast: (event: ServerEvent) => boolean
  /** Whole events in, parts out. */
  readonly read: (head: () => Head, events: EventPull) => Effect.Effect<PartPull>
}

/** The call, from the request to the last part. Every run of the stream is a call of its own. */
export const answer = (options: AnswerOptions): Stream.Stream<ProviderPart, ProviderError> =>
  Stream.suspend(() => {
    const { context, deadline, idHeader, isLast, onHead, read, send, timeouts } = options
    let head: Head = { requestId: null, contentType: null }
    const open = Effect.gen(function* () {
      const { body, headers } = yield* send
      head = { requestId: headers.get(idHeader), contentType: headers.get("content-type") }
      onHead(headers, yield* Clock.currentTimeMillis)
      return body ?? (yield* make(context, { reason: "invalid_response", detail: "the answer has no body" }))
    })
    const onFault = (fault: Parameters<typeof fromBodyFault>[1]) => fromBodyFault(context, fault, head.requestId)
    const { heard, watch } = BodyWatch.make(timeouts, deadline)
    const events = eventStream({ open, watch, onFault, isLast })
    const listen = (pull: PartPull): PartPull =>
      Effect.map(pull, (parts) => {
        if (parts.some(isContent)) heard()
        return parts
      })
    return Stream.transformPull(events, (pull) =>
      Effect.map(
        read(() => head, pull),
        listen
      )
    )
  })
