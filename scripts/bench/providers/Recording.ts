/** One answer of the model, to be read over and over: recorded where recordings are at hand, else made in their shape. */
import { events, fixture, haveFixtures, reply } from "../../../test/support/AnthropicServer.ts"

/** Thinking, then text: an answer as most are, in 118 events. */
const recorded = "07-thinking-sonnet4"

export const source = haveFixtures ? `the recording ${recorded}` : "an answer made in the shape of a recorded one"

const words = (count: number) => Array.from({ length: count }, (_, index) => `and ${index}`).join(" ")

const made = () => {
  const whole = reply({ thinking: { text: words(4), signature: "c2lnbmF0dXJl".repeat(40) }, text: words(54) })
  return events([{ ...whole[0], type: "message_start" }, { type: "ping" }, ...whole.slice(1)])
}

export const bytes: Uint8Array = (haveFixtures ? fixture(recorded) : made()).body

/** Pieces of this many bytes. */
export const inPieces = (size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))

/** Every event in a piece of its own, as they are sent; recordings do not say how they arrived. */
export const byEvent: ReadonlyArray<Uint8Array> = new TextDecoder()
  .decode(bytes)
  .split(/(?<=\n\n)/)
  .map((text) => new TextEncoder().encode(text))

/** A body that has each piece ready when it is asked for. */
export const bodyOf = (pieces: ReadonlyArray<Uint8Array>): ReadableStream<Uint8Array> => {
  const rest = pieces.values()
  return new ReadableStream({
    pull: (controller) => {
      const { done, value } = rest.next()
      if (done) controller.close()
      else controller.enqueue(value)
    }
  })
}
