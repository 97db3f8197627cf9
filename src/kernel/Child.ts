/**
 * What a supervisor knows of one child, over all its incarnations.
 *
 * A mutable record, changed by `Family` and `Life` only, always within one synchronous step, so that whoever reads it
 * sees it whole. `fiber` is set from the moment an incarnation begins until it is released.
 */
import type { Exit, Fiber } from "effect"
import * as Deferred from "effect/Deferred"
import type { ChildSpec } from "./ChildSpec.ts"
import { endOf } from "./ExitReason.ts"
import type { Ending, Intent } from "./Restart.ts"
import type { ChildStartFailed } from "./SupervisorError.ts"
import type { Branch, Host, NodeSnapshot, NodeState } from "./Tree.ts"
import { graft, isoTime, segment } from "./Tree.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Child<R> implements Host {
  readonly spec: ChildSpec<R>
  /** Added after the supervisor had started. */
  readonly dynamic: boolean
  readonly #parent: string
  #branches: Set<Branch> | undefined
  intent: Intent = "up"
  state: NodeState = "stopped"
  since: number
  fiber: AnyFiber | undefined
  /** The supervisor has told the current incarnation to end. */
  stopping = false
  incarnations = 0
  everStarted = false
  startFailure: ChildStartFailed | undefined
  /** When the current incarnation had started; undefined before. This and what follows is in uptime. */
  startedAt: number | undefined
  /** Times of this child's restarts inside the window, when budgets are counted per child. */
  restarts: ReadonlyArray<number> = []
  /** Restarts in a row without a window's length of life between them. */
  attempt = 0
  /** The next incarnation starts no earlier. */
  notBefore = 0
  lastExit: { readonly exit: Exit.Exit<unknown, unknown>; readonly ending: Ending; readonly at: number } | undefined
  /** Whoever waits for the next start. */
  waiter: Deferred.Deferred<void, ChildStartFailed> | undefined
  /** Whoever waits until the current incarnation is released. */
  released: Deferred.Deferred<void> | undefined

  constructor(spec: ChildSpec<R>, parent: string, dynamic: boolean, now: number) {
    this.spec = spec
    this.#parent = parent
    this.dynamic = dynamic
    this.since = now
  }

  get path(): string {
    return `${this.#parent}/${segment(this.spec.id)}`
  }

  get branches(): Iterable<Branch> {
    return this.#branches ?? []
  }

  /** Down, and nobody but a caller will start it again. */
  get isDown(): boolean {
    return this.fiber === undefined && (this.intent === "finished" || this.intent === "stopped")
  }

  attach(branch: Branch): () => void {
    const branches = this.#branches ?? new Set()
    this.#branches = branches.add(branch)
    return () => branches.delete(branch)
  }

  /** What tells of the next start; the same for all who wait. */
  awaitStart(): Deferred.Deferred<void, ChildStartFailed> {
    this.waiter = this.waiter ?? Deferred.makeUnsafe()
    return this.waiter
  }

  /** What tells of the end of the release that is under way. */
  awaitRelease(): Deferred.Deferred<void> {
    this.released = this.released ?? Deferred.makeUnsafe()
    return this.released
  }

  enter(state: NodeState, now: number): void {
    if (this.state === state) return
    this.state = state
    this.since = now
  }

  /** Wants the child up again, with its budget whole. */
  revive(): void {
    this.intent = "up"
    this.restarts = []
    this.attempt = 0
    this.notBefore = 0
  }

  snapshot(): NodeSnapshot {
    const { incarnations, lastExit, path, since, spec, state } = this
    const restarts = Math.max(0, incarnations - 1)
    const own: NodeSnapshot = { path, kind: spec.kind, state, restarts, since: isoTime(since), children: [] }
    const ended = lastExit && { lastExit: { reason: endOf(lastExit.exit, lastExit.ending), at: isoTime(lastExit.at) } }
    return graft(
      { ...own, ...ended },
      Array.from(this.branches, (branch) => branch.snapshot())
    )
  }
}
