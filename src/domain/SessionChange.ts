/** Events about a session as a whole, which happen between and during turns and are no part of what was said. */
import * as Schema from "effect/Schema"
import { SessionId } from "./Ids.ts"

/** What a message does that arrives during a turn: joins at the next step, waits for its own, or cancels the running one. */
export const MidTurn = Schema.Literals(["steer", "queue", "interrupt"])
export type MidTurn = typeof MidTurn.Type

/** What a session has of its own instead of what its agent's file says. A model is named `provider/model`. */
export const SessionSettings = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  midTurn: Schema.optionalKey(MidTurn)
})
export type SessionSettings = typeof SessionSettings.Type

/** Something said that is sent to the model whole, however often the session is compacted. */
export const Pin = Schema.Struct({
  /** The event that said it. */
  event: Schema.Int,
  role: Schema.Literals(["user", "assistant"]),
  text: Schema.String
})
export type Pin = typeof Pin.Type

/** The name people see; null takes it away. */
export const SessionRenamed = Schema.Struct({
  type: Schema.tag("SessionRenamed"),
  name: Schema.NullOr(Schema.String)
})

/** Settings that hold from the next turn on; null goes back to the agent's, and what is not named stays. */
export const SessionConfigured = Schema.Struct({
  type: Schema.tag("SessionConfigured"),
  model: Schema.optionalKey(Schema.NullOr(Schema.String)),
  midTurn: Schema.optionalKey(Schema.NullOr(MidTurn))
})

/** The log up to here is a copy of another session's events up to `through`. */
export const SessionForked = Schema.Struct({
  type: Schema.tag("SessionForked"),
  from: SessionId,
  through: Schema.Int
})

/**
 * The log up to here was brought in from outside, where the session was called `from`. What people there allowed for always
 * is not allowed here, and nothing of it is begun.
 */
export const SessionImported = Schema.Struct({
  type: Schema.tag("SessionImported"),
  from: SessionId
})

/** Something said is to stay whole in what the model is sent. */
export const Pinned = Schema.Struct({ type: Schema.tag("Pinned"), pin: Pin })

/** It may be summarised like everything else again. */
export const Unpinned = Schema.Struct({ type: Schema.tag("Unpinned"), event: Schema.Int })
