/**
 * What a supervisor knows of one child, over all its incarnations.
 *
 * A mutable record, changed by its family only, always within one synchronous step, so that whoever reads it sees it
 * whole. `life` is set from the moment an incarnation begins until it is released. What most children never have (a
 * failure, somebody who waits) is kept apart, so that a child at rest is small.
 */
import type { Cause, Exit } from "effect"
import * as Deferred from "effect/Deferred"
import type { Vitals } from "./ChildOptions.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { endOf } from "./ExitReason.ts"
import type { Life } from "./Life.ts"
import type { Ending, Intent } from "./Restart.ts"
import type { RestartTimes } from "./RestartTimes.ts"
import type { ChildStartFailed } from "./SupervisorError.ts"
import type { Branch, Host, NodeSnapshot, NodeState, Noded, Origin, SnapshotLimits, TreeNode } from "./Tree.ts"
import { graft, isoTime, join, segment } from "./Tree.ts"

/** How an incarnation ended, and when (time of day). */
export interface LastExit {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly ending: Ending
  readonly at: number
}

/** What a child may have besides its present state. Times are uptime in milliseconds. */
export class History {
  startFailure: ChildStartFailed | undefined = undefined
  lastExit: LastExit | undefined = undefined
  /** Why the present incarnation is made to end, if not by its own fault nor to be stopped. */
  blame: Cause.Cause<unknown> | undefined = undefined
  /** When this child was restarted, when budgets are counted per child. */
  restarts: RestartTimes | undefined = undefined
  /** Restarts in a row without a window's length of life between them. */
  attempt = 0
  /** The next incarnation starts no earlier. */
  notBefore = 0
  /** Whoever waits for the next start. */
  waiter: Deferred.Deferred<void, ChildStartFailed> | undefined = undefined
  /** Whoever waits until the current incarnation is released. */
  released: Deferred.Deferred<void> | undefined = undefined
}

const unmarked: Readonly<History> = Object.freeze(new History())

export class Child<R> implements Host, Noded {
  readonly spec: ChildSpec<R>
  readonly origin: Origin & { readonly now: number }
  /** Added after the supervisor had started. */
  readonly dynamic: boolean
  intent: Intent = "up"
  state: NodeState = "stopped"
  since: number
  life: Life | undefined = undefined
  /** The supervisor has told the current incarnation to end. */
  stopping = false
  incarnations = 0
  everStarted = false
  /** It is in the tree. What was left behind of it may end when it is not any more. */
  isListed = true
  /** When the current incarnation had started, in uptime where that matters; undefined before. */
  startedAt: number | undefined = undefined
  #history: History | undefined = undefined
  #branches: Set<Branch> | undefined = undefined

  constructor(spec: ChildSpec<R>, origin: Origin & { readonly now: number }, dynamic: boolean) {
    this.spec = spec
    this.origin = origin
    this.dynamic = dynamic
    this.since = origin.now
  }

  get path(): string {
    return `${this.origin.path}/${segment(this.spec.id)}`
  }

  get changes(): Origin["changes"] {
    return this.origin.changes
  }

  get branches(): Iterable<Branch> {
    return this.#branches ?? []
  }

  /** What is known beyond the present; to be read only. */
  get past(): Readonly<History> {
    return this.#history ?? unmarked
  }

  /** The same, to be written. */
  remember(): History {
    this.#history ??= new History()
    return this.#history
  }

  /** Down, and nobody but a caller will start it again. */
  get isDown(): boolean {
    return this.life === undefined && (this.intent === "finished" || this.intent === "stopped")
  }

  /** Work that waits and work that was done, for a child that can tell. */
  get vitals(): Vitals | undefined {
    return this.spec.vitals?.()
  }

  attach(branch: Branch): () => void {
    const branches = this.#branches ?? new Set()
    this.#branches = branches.add(branch)
    const isOwn = branch.path === this.path
    if (isOwn) this.touch()
    else this.changes.touch(branch)
    return () => {
      branches.delete(branch)
      // One that was left behind may go when the next has long taken its place.
      if (Array.from(branches).some(({ path }) => path === branch.path)) return
      branch.leave()
      if (isOwn) this.touch()
      else this.changes.remove(branch)
    }
  }

  touch(): void {
    if (this.isListed) this.changes.touch(this)
  }

  /** What tells of the next start; the same for all who wait. */
  awaitStart(): Deferred.Deferred<void, ChildStartFailed> {
    const history = this.remember()
    history.waiter ??= Deferred.makeUnsafe()
    return history.waiter
  }

  /** What tells of the end of the release that is under way. */
  awaitRelease(): Deferred.Deferred<void> {
    const history = this.remember()
    history.released ??= Deferred.makeUnsafe()
    return history.released
  }

  enter(state: NodeState): void {
    if (this.state === state) return
    this.state = state
    this.since = this.origin.now
    this.touch()
  }

  /** Wants the child up again, with its budget whole. */
  revive(): void {
    this.intent = "up"
    if (this.#history === undefined) return
    this.#history.restarts = undefined
    this.#history.attempt = 0
    this.#history.notBefore = 0
  }

  node(): TreeNode {
    const same = Array.from(this.branches).findLast((branch) => branch.path === this.path)
    return join(this.#own(), same?.node())
  }

  snapshot(limits: SnapshotLimits): NodeSnapshot {
    return graft(
      this.#own(),
      Array.from(this.branches, (branch) => branch.snapshot(limits))
    )
  }

  #own(): TreeNode {
    const { incarnations, past, path, since, spec, state, vitals } = this
    const restarts = Math.max(0, incarnations - 1)
    const { lastExit } = past
    return {
      path,
      kind: spec.kind,
      state,
      restarts,
      since: isoTime(since),
      ...(lastExit && { lastExit: { reason: endOf(lastExit.exit, lastExit.ending), at: isoTime(lastExit.at) } }),
      ...(vitals && { mailbox: vitals.waiting })
    }
  }
}
