/** Where a service may be struck, and whoever strikes it there. */
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import type { EffectClass } from "../../src/domain/ToolEffect.ts"
import type { Watcher, When } from "./Trap.ts"

/** The commit that writes the n-th event of a type. */
export interface Commit {
  readonly kind: "commit"
  readonly event: NewSessionEvent["type"]
  readonly nth: number
  readonly when: When
}

/** Inside the n-th run of a tool, before or after what it does in the world. */
export interface Run {
  readonly kind: "run"
  readonly tool: EffectClass
  readonly nth: number
  readonly when: When
}

/** The n-th request a session's model has been sent: as it is there, or when so many parts of the answer have been sent. */
export interface Reply {
  readonly kind: "reply"
  readonly nth: number
  readonly after: "request" | number
}

export type Boundary = Commit | Run | Reply

/** Strikes at the boundary, once; counts from where it is made. A reply's boundaries are the model's to watch. */
export const striker = (boundary: Boundary, strike: () => void): Watcher => {
  let passed = 0
  return ({ at, when }) => {
    if (boundary.kind === "reply" || when !== boundary.when || passed >= boundary.nth) return false
    passed +=
      "tool" in at ? Number(isRunOf(boundary, at.tool)) : at.events.filter((event) => isOf(boundary, event)).length
    if (passed < boundary.nth) return false
    strike()
    return true
  }
}

const isRunOf = (boundary: Boundary, tool: string) => boundary.kind === "run" && boundary.tool === tool
const isOf = (boundary: Boundary, event: string) => boundary.kind === "commit" && boundary.event === event
