/**
 * The body of an HTTP answer as it arrives: at each go what has come by then, with limits on how long it is waited for.
 *
 * A fiber and a timer for every chunk would cost more than all else that is done with it. So there is one of each for the
 * whole body, which looks whether somebody waits, and chunks that are there already are handed on together.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type { Scope } from "effect"

export type Reader = ReadableStreamDefaultReader<Uint8Array>
export type Chunk = Awaited<ReturnType<Reader["read"]>>

export interface BodyReaderOptions<E> {
  readonly reader: Reader
  /** What `reader` has given already. */
  readonly first: Chunk
  /** Until when it may be waited for, of somebody who begins to wait now. */
  readonly due: (now: number) => Due<E>
  /** Told how long somebody waited, in milliseconds. */
  readonly onWaited: (time: number) => void
  readonly onBroken: (cause: unknown) => E
}

/** In milliseconds since the epoch; and what is wrong when nothing has come by then. */
export interface Due<E> {
  readonly at: number
  readonly late: () => E
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

/** How often it is looked whether somebody waits, if not sooner. In milliseconds. */
const rhythm = 30_000

/** Tells whoever has waited for too long. */
const watching = Effect.fnUntraced(function* <E>({ due, onWaited }: BodyReaderOptions<E>) {
  const clock = yield* Clock.Clock
  const run = yield* FiberHandle.makeRuntime<never>()
  let since = 0
  let next = 0
  let waiting: { readonly due: Due<E>; readonly tell: (late: E) => void } | undefined
  const lookAt = (time: number, now: number) => {
    next = time
    run(Effect.delay(look, time - now))
  }
  const look = Effect.sync(() => {
    const now = clock.currentTimeMillisUnsafe()
    if (waiting !== undefined && waiting.due.at <= now) return waiting.tell(waiting.due.late())
    lookAt(Math.min(waiting?.due.at ?? Infinity, now + rhythm), now)
  })
  return {
    start: (tell: (late: E) => void) => {
      since = clock.currentTimeMillisUnsafe()
      waiting = { due: due(since), tell }
      if (next <= since || waiting.due.at < next) lookAt(Math.min(waiting.due.at, since + rhythm), since)
    },
    rest: () => {
      if (waiting === undefined) return
      waiting = undefined
      onWaited(clock.currentTimeMillisUnsafe() - since)
    }
  }
})
