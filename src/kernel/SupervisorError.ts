/** What a supervisor tells its callers when it cannot do as asked, and its parent when it gives up. */
import type { Cause } from "effect"
import * as Schema from "effect/Schema"
import { reasonOf } from "./ExitReason.ts"

/** A child's first start failed, so that it is not supervised. `cause` is its error or defect. */
export class ChildStartFailed extends Schema.TaggedError<ChildStartFailed>()("ChildStartFailed", {
  supervisor: Schema.String,
  id: Schema.String,
  reason: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    return `Child "${this.id}" of ${this.supervisor} failed to start: ${this.reason}`
  }

  static from(supervisor: string, id: string, cause: Cause.Cause<unknown>): ChildStartFailed {
    return new ChildStartFailed({ supervisor, id, reason: reasonOf(cause), cause: firstError(cause) })
  }
}

/** A child with this id is already there, and `state` says how it is. */
export class ChildAlreadyRunning extends Schema.TaggedError<ChildAlreadyRunning>()("ChildAlreadyRunning", {
  supervisor: Schema.String,
  id: Schema.String,
  state: Schema.String
}) {
  override get message(): string {
    return `Child "${this.id}" of ${this.supervisor} is already there (${this.state})`
  }
}

/** No child with this id. */
export class ChildUnknown extends Schema.TaggedError<ChildUnknown>()("ChildUnknown", {
  supervisor: Schema.String,
  id: Schema.String
}) {
  override get message(): string {
    return `${this.supervisor} has no child "${this.id}"`
  }
}

/** More restarts than the intensity allows: all children are stopped, and the parent decides. */
export class SupervisorExhausted extends Schema.TaggedError<SupervisorExhausted>()("SupervisorExhausted", {
  supervisor: Schema.String,
  id: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.supervisor} gave up: child "${this.id}" ended too often, last with ${this.reason}`
  }
}

/** The child is up, so that it cannot be deleted. */
export class ChildRunning extends Schema.TaggedError<ChildRunning>()("ChildRunning", {
  supervisor: Schema.String,
  id: Schema.String,
  state: Schema.String
}) {
  override get message(): string {
    return `Child "${this.id}" of ${this.supervisor} is ${this.state}: stop it before it is deleted`
  }
}

/** A child was made to fail from outside. */
export class ChildKilled extends Schema.TaggedError<ChildKilled>()("ChildKilled", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} was killed`
  }
}

/** A child did nothing for as long as it may while work waited for it. */
export class ChildHung extends Schema.TaggedError<ChildHung>()("ChildHung", {
  path: Schema.String,
  waiting: Schema.Int,
  millis: Schema.Number
}) {
  override get message(): string {
    return `${this.path} made no progress for ${this.millis} ms while ${this.waiting} waited`
  }
}

const firstError = (cause: Cause.Cause<unknown>): unknown => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail") return reason.error
    if (reason._tag === "Die") return reason.defect
  }
  return undefined
}
