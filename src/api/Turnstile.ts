/**
 * Requests that arrive together are begun a few at a time, so that whoever else wants to get on does so in between.
 *
 * Node.js hands over all the requests that have come in since it last looked in one stretch, and each runs at once as
 * far as it can, some 0.3 ms: 512 of them would keep every fiber of the service waiting for 200 ms.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

/** How many begin in one stretch: some 5 ms. */
export const atOnce = 16

/** What a request waits for before it is begun: one turn of the event loop, or several when there is a crowd. */
export const make = Effect.map(Semaphore.make(atOnce), (places) => Semaphore.withPermits(places, 1)(Effect.yieldNow))
