/**
 * The body of a streaming HTTP answer, read as Server-Sent Events.
 *
 * Bytes may be split anywhere, even inside a character. Comments and `retry:` lines are passed over, an event
 * that the body cuts off is never handed out. Silence is a fault of its own: nothing here waits for ever, and
 * abandoning the stream closes the connection.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import * as Sse from "effect/encoding/Sse"

/** What can go wrong with a body: no first byte in time, silence later on, a broken connection, an endless event. */
export type BodyFault =
  | { readonly _tag: "Silent"; readonly after: Duration.Duration }
  | { readonly _tag: "Stalled"; readonly after: Duration.Duration }
  | { readonly _tag: "Broken"; readonly cause: unknown }
  | { readonly _tag: "TooLarge" }

export interface EventStreamOptions<E, R> {
  /** Sends the request; runs when the stream is first pulled, and again for every run of it. */
  readonly open: Effect.Effect<ReadableStream<Uint8Array>, E, R>
  /** How long to wait for the first byte of the body, the connection and the headers included. */
  readonly firstByte: Duration.Duration
  /** How long the body may be silent afterwards. */
  readonly idle: Duration.Duration
  readonly onFault: (fault: BodyFault) => E
  /** The last event that means anything: the stream ends with it, however long the body stays open. */
  readonly isLast: (event: Sse.Event) => boolean
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** How long a body may take to end after its last event, so that the connection can be used again, and to be closed. */
const farewell = Duration.seconds(1)

export const eventStream = <E, R>(options: EventStreamOptions<E, R>) =>
  Stream.unwrap(Effect.map(start(options), (pull) => Stream.fromPull(Effect.succeed(pull))))

const start = Effect.fnUntraced(function* <E, R>(options: EventStreamOptions<E, R>) {
  const frames = makeFrames()
  const { reader, result } = yield* Effect.timeoutOrElse(openAndRead(options), {
    duration: options.firstByte,
    orElse: () => Effect.fail(options.onFault({ _tag: "Silent", after: options.firstByte }))
  })
  const next = Effect.timeoutOrElse(read(reader, options), {
    duration: options.idle,
    orElse: () => Effect.fail(options.onFault({ _tag: "Stalled", after: options.idle }))
  })
  let ready: typeof result | undefined = result
  let last = false
  return Effect.gen(function* () {
    if (last) {
      yield* Effect.timeoutOption(drain(reader), farewell)
      return yield* Cause.done()
    }
    for (;;) {
      const chunk: typeof result = ready ?? (yield* next)
      ready = undefined
      if (chunk.done) return yield* Cause.done()
      const events = frames(chunk.value)
      if (events === undefined) return yield* Effect.fail(options.onFault({ _tag: "TooLarge" }))
      const end = events.findIndex(options.isLast)
      last = end >= 0
      const [first, ...others] = last ? events.slice(0, end + 1) : events
      if (first !== undefined) return [first, ...others] as const
    }
  })
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
  return { reader, result: yield* read(reader, options) }
})

const read = <E, R>(reader: Reader, options: EventStreamOptions<E, R>) =>
  Effect.tryPromise({ try: () => reader.read(), catch: (cause) => options.onFault({ _tag: "Broken", cause }) })

const drain = (reader: Reader): Effect.Effect<void> =>
  Effect.tryPromise(() => reader.read()).pipe(Effect.repeat({ until: (chunk) => chunk.done }), Effect.ignore)

const close = (reader: Reader): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(
    Effect.timeoutOption(
      Effect.tryPromise(() => reader.cancel()),
      farewell
    )
  )

/** Turns chunks of bytes into whole events; `undefined` once an event has outgrown the parser's bound. */
const makeFrames = () => {
  const decoder = new TextDecoder()
  let events: Array<Sse.Event> = []
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Event") events.push(event)
  })
  return (bytes: Uint8Array): ReadonlyArray<Sse.Event> | undefined => {
    events = []
    return parser.feed(decoder.decode(bytes, { stream: true })) === undefined ? events : undefined
  }
}
