/** Why the session store refused: each error is one clear sentence, and nothing was written. */
import * as Schema from "effect/Schema"
import { SessionId, TurnId } from "../domain/Ids.ts"

/** Somebody else appended first: the log of `session` no longer ends at `after`. Nothing was written. */
export class AppendConflict extends Schema.TaggedError<AppendConflict>()("AppendConflict", {
  session: SessionId,
  after: Schema.Int
}) {
  override get message() {
    return `session ${this.session} has gone on past event ${this.after}`
  }
}

/** A message with this (channel, externalId) is already in a log; where it is stands here. Nothing was written. */
export class DuplicateMessage extends Schema.TaggedError<DuplicateMessage>()("DuplicateMessage", {
  session: SessionId,
  turn: TurnId,
  seq: Schema.Int
}) {
  override get message() {
    return `the message is already event ${this.seq} of session ${this.session}`
  }
}

/**
 * The disk or the database cannot do it now; `reason` is one clear sentence. Nothing was written, unless only the
 * answer was lost: whoever goes on with the log reads it again first.
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  reason: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.reason
  }
}

/** There is a session of this name already. Nothing was written. */
export class SessionExists extends Schema.TaggedError<SessionExists>()("SessionExists", { session: SessionId }) {
  override get message() {
    return `there is a session ${this.session} already`
  }
}
