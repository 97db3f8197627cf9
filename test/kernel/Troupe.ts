/** Children whose lives a test directs, and a diary of what they did and what was logged. */
import type { Scope } from "effect"
import { Context, Deferred, Effect, Layer, Logger, References } from "effect"
import { type ChildOptions, shutdownFrom } from "../../src/kernel/ChildOptions.ts"
import type { ChildSpec } from "../../src/kernel/ChildSpec.ts"

export interface Entry {
  readonly message: unknown
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

export interface Part extends ChildOptions {
  /** Runs while starting, after the start is in the diary; the number is the incarnation's, from 1. */
  readonly start?: (nth: number) => Effect.Effect<void, unknown, Scope.Scope>
  /** Runs while being released, before the release is in the diary. */
  readonly release?: (nth: number) => Effect.Effect<void>
}

export class Troupe extends Context.Service<
  Troupe,
  {
    /** `+a` when a has begun to start, `-a` when it is released. */
    readonly diary: Array<string>
    readonly logs: Array<Entry>
    child(id: string, part?: Part): ChildSpec
    crash(id: string, error?: unknown): Effect.Effect<void>
    die(id: string, defect: unknown): Effect.Effect<void>
    finish(id: string): Effect.Effect<void>
  }
>()("test/kernel/Troupe") {}

const make = Effect.sync(() => {
  const diary: Array<string> = []
  const ends = new Map<string, Deferred.Deferred<void, unknown>>()
  const counts = new Map<string, number>()
  const end = (id: string) => ends.get(id) ?? Deferred.makeUnsafe<void, unknown>()

  const child = (id: string, part: Part = {}): ChildSpec => ({
    id,
    kind: "worker",
    restart: part.restart ?? "permanent",
    shutdown: shutdownFrom(part.shutdown ?? "5 seconds"),
    start: Effect.gen(function* () {
      const nth = (counts.get(id) ?? 0) + 1
      counts.set(id, nth)
      const ended = Deferred.makeUnsafe<void, unknown>()
      ends.set(id, ended)
      const leave = Effect.andThen(
        part.release?.(nth) ?? Effect.void,
        Effect.sync(() => diary.push(`-${id}`))
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => diary.push(`+${id}`)),
        () => leave
      )
      if (part.start !== undefined) yield* part.start(nth)
      return Deferred.await(ended)
    })
  })

  const crash = (id: string, error: unknown = new Error(`${id} broke`)) =>
    Effect.andThen(Deferred.fail(end(id), error), settle)
  const die = (id: string, defect: unknown) => Effect.andThen(Deferred.die(end(id), defect), settle)
  const finish = (id: string) => Effect.andThen(Deferred.succeed(end(id), undefined), settle)
  return { diary, child, crash, die, finish }
})

/** Lets every fiber run that can. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 50 })

/** A fresh troupe whose log goes into its diary. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const logs: Array<Entry> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const [first] = Array.isArray(message) ? message : [message]
      logs.push({ message: first, level: logLevel, annotations: fiber.getRef(References.CurrentLogAnnotations) })
    })
    const troupe = yield* make
    return Layer.mergeAll(
      Layer.succeed(Troupe, Troupe.of({ ...troupe, logs })),
      Logger.layer([logger]),
      Layer.succeed(References.MinimumLogLevel, "Debug")
    )
  })
)

/** Empties the diary and returns what was in it. */
export const turn = (diary: Array<string>): ReadonlyArray<string> => diary.splice(0)
