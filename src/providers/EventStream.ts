/**
 * The body of a streaming HTTP answer, read as Server-Sent Events.
 *
 * Bytes may be split anywhere, even inside a character. Comments and `retry:` lines are passed over, an event
 * that the body cuts off is never handed out. Silence is a fault of its own: nothing here waits for ever, and
 * abandoning the stream closes the connection.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import * as BodyReader from "./BodyReader.ts"
import type { BodyFault, BodyWatch } from "./BodyWatch.ts"
import * as EventParser from "./EventParser.ts"
import type { ServerEvent } from "./EventParser.ts"

export interface EventStreamOptions<E, R> {
  /** Sends the request; runs when the stream is first pulled, and again for every run of it. */
  readonly open: Effect.Effect<ReadableStream<Uint8Array>, E, R>
  /** How long it is waited for. */
  readonly watch: BodyWatch
  readonly onFault: (fault: BodyFault) => E
  /** The last event that means anything: the stream ends with it, however long the body stays open. */
  readonly isLast: (event: ServerEvent) => boolean
}

/** How long a body may take to end after its last event, so that the connection can be used again, and to be closed. */
const farewell = Duration.seconds(1)

export const eventStream = <E, R>(options: EventStreamOptions<E, R>) =>
  Stream.unwrap(Effect.map(start(options), (pull) => Stream.fromPull(Effect.succeed(pull))))

const start = Effect.fnUntraced(function* <E, R>(options: EventStreamOptions<E, R>) {
  const { isLast, onFault, watch } = options
  const begun = yield* Clock.currentTimeMillis
  const { first, reader } = yield* Effect.timeoutOrElse(openAndRead(options), {
    duration: watch.first.time,
    orElse: () => Effect.fail(onFault(watch.first.fault))
  })
  watch.waited((yield* Clock.currentTimeMillis) - begun)
  const body = yield* BodyReader.make({
    reader,
    first,
    due: (now) => {
      const { fault, time } = watch.due(now)
      return { at: time, late: () => onFault(fault) }
    },
    onWaited: watch.waited,
    onBroken: (cause) => onFault({ _tag: "Broken", cause })
  })
  const frames = makeFrames()
  const leave = Effect.suspend(() => (body.ended ? Effect.void : Effect.timeoutOption(drain(reader), farewell)))
  let last = false
  const read = (chunks: ReadonlyArray<Uint8Array>): typeof pull => {
    if (chunks.length === 0) return Cause.done()
    const events = frames(chunks)
    if (events === undefined) return Effect.fail(onFault({ _tag: "TooLarge" }))
    const end = events.findIndex(isLast)
    last = end >= 0
    const whole = last ? events.slice(0, end + 1) : events
    return Arr.isReadonlyArrayNonEmpty(whole) ? Effect.succeed(whole) : pull
  }
  const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<ServerEvent>, E> = Effect.suspend(() =>
    last ? Effect.andThen(leave, Cause.done()) : Effect.flatMap(body.next, read)
  )
  return pull
})

const openAndRead = Effect.fnUntraced(function* <E, R>(options: EventStreamOptions<E, R>) {
  const reader = yield* Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(options.open), (body) =>
      Effect.acquireRelease(
        Effect.sync(() => body.getReader()),
        close
      )
    )
  )
  const first = yield* Effect.tryPromise({
    try: () => reader.read(),
    catch: (cause) => options.onFault({ _tag: "Broken", cause })
  })
  return { reader, first }
})

const drain = (reader: BodyReader.Reader): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.orElseSucceed(
      Effect.tryPromise(() => reader.read()),
      () => undefined
    ),
    (chunk) => (chunk === undefined || chunk.done ? Effect.void : drain(reader))
  )

const close = (reader: BodyReader.Reader): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(
    Effect.timeoutOption(
      Effect.tryPromise(() => reader.cancel()),
      farewell
    )
  )

/** Turns chunks of bytes into whole events; `undefined` once an event has outgrown the parser's bound. */
const makeFrames = () => {
  const decoder = new TextDecoder()
  const feed = EventParser.make()
  return (chunks: ReadonlyArray<Uint8Array>) => {
    let text = ""
    for (const chunk of chunks) text += decoder.decode(chunk, { stream: true })
    return feed(text)
  }
}
