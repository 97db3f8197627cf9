/** Sessions that begin as a copy: of another session up to some event, or of a log from outside. */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import { Drain } from "../kernel/Drain.ts"
import type { Providers } from "../providers/Providers.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { Agents, AgentUnknown } from "./Agents.ts"
import type { Cut } from "./Closing.ts"
import type { Directory } from "./Directory.ts"
import { Draining, ForkOutOfRange, type SessionLimitReached, SessionUnknown } from "./DirectoryError.ts"
import * as KnownModels from "./KnownModels.ts"
import { atRest, upTo } from "./SessionCopy.ts"
import type { SessionCount } from "./SessionCount.ts"

type Copies = Pick<Directory["Service"], "fork" | "adopt">

/** The part of a directory that copies; `count` is shared with what else makes sessions. */
export const make = Effect.fnUntraced(function* (
  count: SessionCount
): Effect.fn.Return<Copies, never, SessionStore | Agents | Drain | Providers> {
  const store = yield* SessionStore
  const agents = yield* Agents
  const drain = yield* Drain
  const models = yield* KnownModels.make
  const making = <A, E, R>(copy: Effect.Effect<A, E, R>) =>
    Effect.suspend(
      (): Effect.Effect<A, E | Draining | SessionLimitReached, R> =>
        drain.refusing() ? Effect.fail(new Draining()) : count.during(copy)
    )

  const fork: Copies["fork"] = Effect.fn("Directory.fork")(function* (from, through, into = nameOfCopy(from)) {
    const found = yield* store.session(from)
    if (Option.isNone(found)) return yield* new SessionUnknown({ session: from })
    const { seq } = found.value
    if (!Number.isInteger(through) || through < 1 || through > seq) {
      return yield* new ForkOutOfRange({ session: from, last: seq })
    }
    const last: NewSessionEvent = { type: "SessionForked", from, through }
    return yield* making(
      store.adopt(
        into,
        atRest(upTo(store, from, through), "the session was forked here", () => [last])
      )
    )
  })

  const adopt: Copies["adopt"] = Effect.fn("Directory.adopt")(function* ({ agent, from, log, session }) {
    if (agents.definition(agent) === undefined) return yield* new AgentUnknown({ agent })
    const last = ({ state }: Cut): ReadonlyArray<NewSessionEvent> => [
      ...(models.knows(state.settings.model) ? [] : [{ type: "SessionConfigured" as const, model: null }]),
      { type: "SessionImported", from }
    ]
    return yield* making(store.adopt(session, atRest(log, "the log ended here", last)))
  })

  return { fork, adopt }
})

/** The most letters of the original's name in the copy's, which has to fit into 128. */
const mostOfName = 100

const nameOfCopy = (from: SessionId): SessionId =>
  SessionId.make(`${from.slice(0, mostOfName)}-fork-${randomUUID().slice(0, 8)}`)
