/** Children whose lives a test directs, and a diary of what they did and what was logged. */
import { Context, Deferred, Effect, Layer, Logger, References, Scope } from "effect"
import * as Actor from "../../src/kernel/Actor.ts"
import { type ChildOptions, shutdownFrom } from "../../src/kernel/ChildOptions.ts"
import type { ChildSpec } from "../../src/kernel/ChildSpec.ts"
import type { MailboxOptions } from "../../src/kernel/Mailbox.ts"

export interface Entry {
  readonly message: unknown
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** What an actor of a troupe is sent: it does this, and answers with what comes of it. */
export type Work = Effect.Effect<unknown, string>

/** Which of the two kinds of children there are. */
export type Kind = "resident" | "actor"

export interface Part extends ChildOptions {
  /** Runs while starting, after the start is in the diary; the number is the incarnation's, from 1. */
  readonly start?: (nth: number) => Effect.Effect<void, unknown, Scope.Scope>
  /** Runs while being released, before the release is in the diary. */
  readonly release?: (nth: number) => Effect.Effect<void>
}

export interface ActorPart extends Part {
  readonly mailbox?: MailboxOptions
}

export class Troupe extends Context.Service<
  Troupe,
  {
    /** `+a` when a has begun to start, `-a` when it is released. */
    readonly diary: Array<string>
    readonly logs: Array<Entry>
    child(id: string, part?: Part): ChildSpec
    actor(id: string, part?: ActorPart): Actor.Actor<Work, unknown, string>
    /** A child of either kind. */
    cast(kind: Kind, id: string, part?: Part): ChildSpec
    /** Ends it by its own fault. */
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
  const actors = new Map<string, Actor.Actor<Work, unknown, string>>()

  /** Enters the diary, and leaves it with the Scope. */
  const enter = Effect.fnUntraced(function* (id: string, part: Part) {
    const nth = (counts.get(id) ?? 0) + 1
    counts.set(id, nth)
    const leave = Effect.andThen(
      part.release?.(nth) ?? Effect.void,
      Effect.sync(() => diary.push(`-${id}`))
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => diary.push(`+${id}`)),
      () => leave
    )
    if (part.start !== undefined) yield* part.start(nth)
  })

  const child = (id: string, part: Part = {}): ChildSpec => ({
    id,
    kind: "worker",
    restart: part.restart ?? "permanent",
    shutdown: shutdownFrom(part.shutdown ?? "5 seconds"),
    significant: part.significant,
    start: Effect.gen(function* () {
      const ended = Deferred.makeUnsafe<void, unknown>()
      ends.set(id, ended)
      yield* enter(id, part)
      return Deferred.await(ended)
    })
  })

  const actor = (id: string, part: ActorPart = {}) => {
    const made = Actor.define<Work, unknown, string, never>({
      ...part,
      start: ({ scope }) => Effect.as(Scope.provide(enter(id, part), scope), (work) => work)
    })(id)
    actors.set(id, made)
    return made
  }

  const cast = (kind: Kind, id: string, part?: Part): ChildSpec => {
    if (kind === "actor") return actor(id, part)
    actors.delete(id)
    return child(id, part)
  }

  const crash = (id: string, error: unknown = new Error(`${id} broke`)) =>
    Effect.andThen(
      Effect.suspend(() => Effect.ignore(actors.get(id)?.tell(Effect.die(error)) ?? Deferred.fail(end(id), error))),
      settle
    )
  const die = (id: string, defect: unknown) => Effect.andThen(Deferred.die(end(id), defect), settle)
  const finish = (id: string) => Effect.andThen(Deferred.succeed(end(id), undefined), settle)
  return { diary, child, actor, cast, crash, die, finish }
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

/** Asks in a fiber of its own, which ends with the answer or with the name of what came instead. */
export const asking = (actor: Actor.Actor<Work, unknown, string>, work: Work, options?: Actor.AskOptions) =>
  Effect.forkChild(
    Effect.catch(actor.ask(work, options), (error) => Effect.succeed(typeof error === "string" ? error : error._tag)),
    { startImmediately: true }
  )
