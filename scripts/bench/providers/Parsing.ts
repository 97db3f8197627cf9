/**
 * How fast an answer of the model is read, beside the official client's own decoder: both are given the same bytes in
 * the same pieces. The client stops at events; we go on to parts.
 */
import { Stream as Decoder } from "@anthropic-ai/sdk/streaming"
import { Array as Arr, Effect, Stream } from "effect"
import * as Reply from "../../../src/providers/anthropic/AnthropicReplyCodec.ts"
import * as BodyWatch from "../../../src/providers/BodyWatch.ts"
import { eventStream } from "../../../src/providers/EventStream.ts"
import { defaults } from "../../../src/providers/Patience.ts"
import { atLeast, type Bench, type Figure, type Row } from "../Figure.ts"
import { inTurn, timed } from "../Statistics.ts"
import * as Recording from "./Recording.ts"

const rounds = 60
const warmUp = 10
/** How often the answer is read in a round. */
const times = 100

type Pieces = ReadonlyArray<Uint8Array>

const ours = (pieces: Pieces): Effect.Effect<number, unknown> =>
  Effect.suspend(() => {
    let state = Reply.initial
    let parts = 0
    const events = eventStream({
      open: Effect.sync(() => Recording.bodyOf(pieces)),
      watch: BodyWatch.make(defaults).watch,
      onFault: (fault) => fault,
      isLast: ({ event }) => event === "message_stop" || event === "error"
    })
    const read = Stream.runForEachArray(events, (arrived) =>
      Effect.sync(() => {
        const reading = Reply.read(
          state,
          Arr.map(arrived, (event) => event.data)
        )
        state = reading.state
        parts += reading.parts.length
      })
    )
    return Effect.map(read, () => parts)
  })

const theirs = async (pieces: Pieces): Promise<number> => {
  let events = 0
  const response = new Response(Recording.bodyOf(pieces))
  for await (const _ of Decoder.fromSSEResponse(response, new AbortController())) events++
  return events
}

/** Answers read in a second. */
const perSecond = async (read: () => Promise<unknown>) => (times * 1000) / (await timed(read))

const compare = async (pieces: Pieces) => {
  const weRead = Effect.forEach(Array.from({ length: times }), () => ours(pieces), { discard: true })
  const subject = () => perSecond(() => Effect.runPromise(weRead))
  const baseline = () =>
    perSecond(async () => {
      for (let time = 0; time < times; time++) await theirs(pieces)
    })
  await inTurn(warmUp, subject, baseline)
  return await inTurn(rounds, subject, baseline)
}

const rowOf = async (bench: Bench, how: string, pieces: Pieces): Promise<Row> => {
  bench.progress(`${rounds * times} answers, ${how}`)
  const [parts, events] = [await Effect.runPromise(ours(pieces)), await theirs(pieces)]
  const pair = await compare(pieces)
  return {
    ...pair,
    name: `parsing, ${how}`,
    unit: "/s",
    against: "the client's decoder",
    goal: atLeast(pair.ratios.median, 1, " × as fast"),
    note: `${Recording.source}, ${Recording.bytes.length} bytes in ${pieces.length} pieces; we make ${parts} parts of it, the client ${events} events`
  }
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => [
  await rowOf(bench, "16 KiB", Recording.inPieces(16 * 1024)),
  await rowOf(bench, "by event", Recording.byEvent)
]

export const parsing: Figure = { name: "parsing", about: "reading a model's answer, bytes to parts", run }
