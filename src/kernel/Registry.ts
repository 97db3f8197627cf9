/**
 * Names for what runs, so that it can be found without holding it: a name leads to at most one handle, and is free
 * again when the Scope it was registered in closes. One registry per tenant and kind of handle; a service is made of
 * one by `class Agents extends Context.Service<Agents, Registry<AgentHandle>>()("…") {}`.
 */
import type { Scope } from "effect"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The name leads to another handle. */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", { taken: Schema.String }) {
  override get message(): string {
    return `The name "${this.taken}" is taken`
  }
}

export interface Registry<A> {
  /** Makes the handle findable until the Scope closes. */
  register(name: string, handle: A): Effect.Effect<void, NameTaken, Scope.Scope>
  find(name: string): Effect.Effect<Option.Option<A>>
  /** The handle, as soon as the name leads to one: at once, or when the next incarnation registers. */
  awaiting(name: string): Effect.Effect<A>
  /** All names, the oldest first. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
}

/** An empty registry. */
export const make = <A>(): Effect.Effect<Registry<A>> =>
  Effect.sync(() => {
    const handles = new Map<string, A>()
    const awaited = new Map<string, Deferred.Deferred<A>>()
    const arrival = (name: string) => {
      const deferred = awaited.get(name) ?? Deferred.makeUnsafe<A>()
      awaited.set(name, deferred)
      return deferred
    }
    const claim = (name: string, handle: A) =>
      Effect.suspend(() => {
        if (handles.has(name)) return new NameTaken({ taken: name })
        handles.set(name, handle)
        const deferred = awaited.get(name)
        if (deferred !== undefined) Deferred.doneUnsafe(deferred, Exit.succeed(handle))
        awaited.delete(name)
        return Effect.void
      })
    return {
      register: (name, handle) =>
        Effect.acquireRelease(claim(name, handle), () => Effect.sync(() => handles.delete(name))),
      find: (name) => Effect.sync(() => (handles.has(name) ? Option.some(handles.get(name) as A) : Option.none())),
      awaiting: (name) =>
        Effect.suspend(() =>
          handles.has(name) ? Effect.succeed(handles.get(name) as A) : Deferred.await(arrival(name))
        ),
      names: Effect.sync(() => [...handles.keys()])
    }
  })
