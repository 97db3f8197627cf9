/** What a sender is told when its message does not reach an actor, or no answer comes. */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"
import { reasonOf } from "./ExitReason.ts"

/** The actor is not there, or ended before it had answered; a message of which this is said may have been begun. */
export class ActorDown extends Schema.TaggedError<ActorDown>()("ActorDown", {
  actor: Schema.String,
  reason: Schema.String,
  /** What it failed of, if it did. */
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    const why = Cause.isCause(this.cause) ? `: ${reasonOf(this.cause)}` : ""
    return `Actor "${this.actor}" gave no answer: ${this.reason}${why}`
  }
}

/** More messages wait than the mailbox holds. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", {
  actor: Schema.String,
  capacity: Schema.Int
}) {
  override get message(): string {
    return `The mailbox of actor "${this.actor}" is full: ${this.capacity} messages wait`
  }
}

/** No answer came in time; the message may still be worked on. */
export class AskTimeout extends Schema.TaggedError<AskTimeout>()("AskTimeout", {
  actor: Schema.String,
  millis: Schema.Number
}) {
  override get message(): string {
    return `Actor "${this.actor}" gave no answer within ${this.millis} ms`
  }
}
