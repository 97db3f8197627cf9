/**
 * What `fetch` gives, without a socket: real responses over bodies that the test feeds, for tests that go through thousands
 * of them. Everything above `fetch` is real, the official clients included.
 */
import { Effect, type Scope } from "effect"
import type { Answer } from "./Answers.ts"

/** How a fed body ends: in order, or with an error as of a torn connection. */
export type End = "ends" | "tears"

/** A body of these pieces, one for each read. */
export const fed = (pieces: ReadonlyArray<Uint8Array>, end: End = "ends"): ReadableStream<Uint8Array> => {
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = pieces[at]
      at += 1
      if (piece !== undefined) controller.enqueue(piece)
      else if (end === "ends") controller.close()
      else controller.error(new TypeError("terminated"))
    }
  })
}

/** The answer as a response, with this body instead of its own if one is given. */
export const responseOf = ({ body, headers, status }: Answer, pieces = fed([body])): Response =>
  new Response(pieces, { status, headers })

/** In this scope every `fetch` gives what `next` makes; answers how many there were. */
export const feeding = (next: () => Response): Effect.Effect<() => number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const real = globalThis.fetch
      let calls = 0
      globalThis.fetch = () => {
        calls += 1
        return Promise.resolve(next())
      }
      return { real, calls: () => calls }
    }),
    ({ real }) =>
      Effect.sync(() => {
        globalThis.fetch = real
      })
  ).pipe(Effect.map(({ calls }) => calls))
