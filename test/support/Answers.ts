/**
 * What a stand-in for a vendor's API may do with a request, and how it does it: any status, headers and body, in chunks of
 * any size, at once or when a test says so, to the end or torn down anywhere.
 */
import type * as Http from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { Effect, type Latch, Stream } from "effect"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** How many bytes are written at a time; all at once if not given. */
  readonly chunkSize?: number
  /** Opened by the test before the answer begins. */
  readonly gate?: Latch.Latch
  /** Opened by the test after the body, before it is ended. */
  readonly ending?: Latch.Latch
  /** Done when the request is there, or after so many bytes of the body; then nothing more is said. */
  readonly interruption?: { readonly after: "request" | number; readonly act: Effect.Effect<unknown> }
  /** Written after the body for as long as somebody reads it. */
  readonly rest?: Stream.Stream<string>
  /** What becomes of the connection after the body: ended in order, torn down, or left open and silent. */
  readonly after: "end" | "cut" | "hang"
}

/** Gives this answer, as far as its reader stays. */
export const give = Effect.fnUntraced(function* (response: Http.ServerResponse, given: Answer) {
  if (given.gate !== undefined) yield* given.gate.await
  if (given.interruption?.after === "request") yield* given.interruption.act
  else if (given.status !== 0) yield* send(response, given)
})

const send = Effect.fnUntraced(function* (response: Http.ServerResponse, whole: Answer) {
  const { after: until, act } = whole.interruption ?? {}
  const given: Answer =
    typeof until === "number" ? { ...whole, body: whole.body.subarray(0, until), after: "hang" } : whole
  const delivered = yield* Effect.exit(
    Effect.tryPromise(() => {
      response.writeHead(given.status, given.headers).flushHeaders()
      return pipeline(Readable.from(pieces(given)), response, { end: false })
    })
  )
  if (act !== undefined) yield* act
  if (given.rest !== undefined) {
    const read = Stream.takeWhile(given.rest, () => !response.destroyed)
    yield* Stream.runForEach(read, (text) => Effect.sync(() => response.write(text)))
  }
  if (given.ending !== undefined) yield* given.ending.await
  if (delivered._tag === "Failure" || given.after === "hang") return
  if (given.after === "end") response.end()
  else response.destroy()
})

function* pieces({ body, chunkSize = body.length }: Answer): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += chunkSize) yield body.subarray(at, at + chunkSize)
}
