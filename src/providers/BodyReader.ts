/**
 * The body of an HTTP answer as it arrives: at each go what has come by then, with a limit on how long it may be silent.
 *
 * A fiber and a timer for every chunk would cost more than all else that is done with it. So there is one of each for the
 * whole body, which looks whether somebody waits, and chunks that are there already are handed on together.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type { Scope } from "effect"

export type Reader = ReadableStreamDefaultReader<Uint8Array>
export type Chunk = Awaited<ReturnType<Reader["read"]>>

export interface BodyReaderOptions<E> {
  readonly reader: Reader
  /** What `reader` has given already. */
  readonly first: Chunk
  /** How long the body may be silent while it is waited for. */
  readonly idle: Duration.Duration
  readonly onIdle: () => E
  readonly onBroken: (cause: unknown) => E
}

/** Chunks that are taken at once at most: who reads without a pause must not keep everybody else from it. */
const most = 64

export interface BodyReader<E> {
  /** What has arrived, waited for if there is nothing yet; nothing at the end of the body. */
  readonly next: Effect.Effect<ReadonlyArray<Uint8Array>, E>
  /** Whether the end of the body has come. */
  readonly ended: boolean
}

/** The scope owns what watches over it. */
export const make = Effect.fnUntraced(function* <E>(
  options: BodyReaderOptions<E>
): Effect.fn.Return<BodyReader<E>, never, Scope.Scope> {
  const { onBroken, reader } = options
  const watch = yield* watching(options)
  let ahead = Promise.resolve(options.first)
  let ended = false
  const next = Effect.callback<ReadonlyArray<Uint8Array>, E>((resume) => {
    const chunks: Array<Uint8Array> = []
    let over = false
    const end = (outcome: Effect.Effect<ReadonlyArray<Uint8Array>, E>) => {
      if (over) return
      over = true
      watch.rest()
      resume(outcome)
    }
    const handOn = () => end(Effect.succeed(chunks))
    const hear = (chunk: Chunk) => {
      ended ||= chunk.done
      if (over) return
      if (chunk.done) return handOn()
      const count = chunks.push(chunk.value)
      ahead = reader.read()
      listen()
      if (count === most) handOn()
      else queueMicrotask(() => count === chunks.length && handOn())
    }
    const listen = () => {
      ahead.then(hear, (cause) => (chunks.length > 0 ? handOn() : end(Effect.fail(onBroken(cause)))))
    }
    watch.start((late) => end(Effect.fail(late)))
    listen()
    return Effect.sync(() => {
      over = true
      watch.rest()
    })
  })
  return {
    next,
    get ended() {
      return ended
    }
  }
})

/** Tells whoever has waited for too long. */
const watching = Effect.fnUntraced(function* <E>({ idle, onIdle }: BodyReaderOptions<E>) {
  const clock = yield* Clock.Clock
  const run = yield* FiberHandle.makeRuntime<never>()
  const limit = Duration.toMillis(idle)
  let since = 0
  let tell: ((late: E) => void) | undefined
  const look: Effect.Effect<void> = Effect.suspend(() => {
    const left = tell === undefined ? limit : since + limit - clock.currentTimeMillisUnsafe()
    return left > 0 ? Effect.delay(look, left) : Effect.sync(() => tell?.(onIdle()))
  })
  run(look)
  return {
    start: (late: (late: E) => void) => {
      since = clock.currentTimeMillisUnsafe()
      tell = late
    },
    rest: () => {
      tell = undefined
    }
  }
})
