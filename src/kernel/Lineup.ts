/**
 * In which order the children of a supervisor start, and how each is started.
 *
 * Under one_for_one a running supervisor starts each child by itself. Otherwise, and as it starts, a child waits until
 * all before it are up or will not be again.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Actor } from "./Actor.ts"
import { ActorLife } from "./ActorLife.ts"
import type { Child } from "./Child.ts"
import { live } from "./Resident.ts"
import { Roster } from "./Roster.ts"
import { ParentNode } from "./Tree.ts"

export abstract class Lineup<R> extends Roster<R> {
  #isAdvancing = false
  /** What `advance` has seen may be so no more. */
  #isStale = false
  /** The child that `advance` is starting. */
  #launching: Child<R> | undefined = undefined
  /** Whether it matters for how long a child was up. */
  protected abstract readonly isPaced: boolean

  started(child: Child<R>): void {
    child.everStarted = true
    child.startedAt = this.isPaced ? this.uptime : 0
    child.enter("running")
    if (child !== this.#launching) this.advance()
    this.answer(child, Effect.void)
  }

  protected bringUp(child: Child<R>): void {
    if (this.state !== "running" || this.strategy !== "one_for_one") return this.advance()
    if (child.intent === "up" && child.life === undefined) this.#launch(child)
  }

  protected advance(): void {
    this.#isStale = true
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    while (this.#isStale) this.#startInTurn()
    this.#isAdvancing = false
  }

  /** In one loop, as children that start at once would fill the stack if each started the next. */
  #startInTurn(): void {
    const { strategy } = this
    this.#isStale = false
    if (this.isClosed || this.halts > 0 || (strategy === "one_for_one" && this.state === "running")) return
    for (const child of this.children.values()) {
      if (child.life === undefined && child.intent === "up") {
        this.#launching = child
        this.#launch(child)
        this.#launching = undefined
        if (this.#isStale || this.isClosed || this.halts > 0) return
      }
      if (child.life !== undefined && child.state !== "running") return
      if (child.life === undefined && child.intent !== "finished" && strategy === "rest_for_one") return
    }
    this.enter("running")
    Deferred.doneUnsafe(this.booted, Effect.void)
  }

  #launch(child: Child<R>): void {
    const { spec } = child
    const wait = child.past.notBefore === 0 ? 0 : child.past.notBefore - this.uptime
    child.stopping = false
    child.startedAt = undefined
    if (child.past.startFailure !== undefined) child.remember().startFailure = undefined
    child.enter(wait > 0 ? "backing off" : "starting")
    // A restart lets others run first, so that a child that fails at once cannot starve or overflow its supervisor.
    const pause = wait > 0 ? Effect.sleep(wait) : child.incarnations > 0 ? Effect.yieldNow : undefined
    child.incarnations++
    if (spec instanceof Actor) return new ActorLife(child, spec, this).launch(pause)
    const scope = Scope.makeUnsafe()
    const context = this.context.pipe(Context.add(ParentNode, child), Context.add(Scope.Scope, scope))
    // The fiber is owned by `close`, which stops it within its time limit; a Scope would wait for it without end.
    Effect.runForkWith(context)(live(child, spec, this, scope, pause), { uninterruptible: true })
  }
}
