/** Why a session cannot do what it is asked for. Each says so in one sentence for whoever asked. */
import * as Schema from "effect/Schema"
import { AgentId, SessionId } from "../domain/Ids.ts"

/** The session belongs to another agent. */
export class SessionTaken extends Schema.TaggedError<SessionTaken>()("SessionTaken", {
  session: SessionId,
  agent: AgentId
}) {
  override get message() {
    return `session ${this.session} belongs to agent ${this.agent}`
  }
}

/** A new session has to say which agent it is with. */
export class AgentMissing extends Schema.TaggedError<AgentMissing>()("AgentMissing", { session: SessionId }) {
  override get message() {
    return `session ${this.session} is new: say which agent it is with`
  }
}

/** Nothing was ever said in this session. */
export class SessionUnknown extends Schema.TaggedError<SessionUnknown>()("SessionUnknown", { session: SessionId }) {
  override get message() {
    return `there is no session ${this.session}`
  }
}

/** The tenant has as many sessions as it may. */
export class SessionLimitReached extends Schema.TaggedError<SessionLimitReached>()("SessionLimitReached", {
  limit: Schema.Int
}) {
  override get message() {
    return `the tenant has reached its limit of ${this.limit} sessions`
  }
}

/** As many messages wait in this session as may. */
export class SessionCrowded extends Schema.TaggedError<SessionCrowded>()("SessionCrowded", {
  session: SessionId,
  limit: Schema.Int
}) {
  override get message() {
    return `${this.limit} messages wait in session ${this.session} already; send it again when some have been answered`
  }
}

/** A log from outside asks for more than any session of ours would hold. */
export class LogUnfit extends Schema.TaggedError<LogUnfit>()("LogUnfit", {
  event: Schema.Int,
  limit: Schema.Int
}) {
  override get message() {
    return `more than ${this.limit} messages wait or are pinned by event ${this.event} of the log`
  }
}

/** A session can be copied up to an event it has. */
export class ForkOutOfRange extends Schema.TaggedError<ForkOutOfRange>()("ForkOutOfRange", {
  session: SessionId,
  last: Schema.Int
}) {
  override get message() {
    return `session ${this.session} can be forked at events 1 to ${this.last}`
  }
}

/** The tenant has no provider for a model of this name. */
export class ModelUnknown extends Schema.TaggedError<ModelUnknown>()("ModelUnknown", {
  model: Schema.String,
  providers: Schema.Array(Schema.String)
}) {
  override get message() {
    const known = this.providers.length === 0 ? "none" : this.providers.join(", ")
    return `there is no model ${this.model}: expected provider/model, and the providers here are ${known}`
  }
}

/** Only what a person or the model said in words can be pinned. */
export class NothingSaid extends Schema.TaggedError<NothingSaid>()("NothingSaid", {
  session: SessionId,
  event: Schema.Int
}) {
  override get message() {
    return `event ${this.event} of session ${this.session} holds nothing that was said by a person or the model`
  }
}

/** As much is pinned in this session as may be. */
export class PinLimitReached extends Schema.TaggedError<PinLimitReached>()("PinLimitReached", {
  session: SessionId,
  limit: Schema.Int
}) {
  override get message() {
    return `session ${this.session} has ${this.limit} pins already; unpin something first`
  }
}

/** The service is stopping and takes nothing new. */
export class Draining extends Schema.TaggedError<Draining>()("Draining", {}) {
  override get message() {
    return "the service is stopping; send it again in a moment"
  }
}
