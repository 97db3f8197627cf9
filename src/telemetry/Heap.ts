/**
 * Memory that only the start needed, given back to the machine.
 *
 * Loading the program leaves some 30 MB of garbage behind, and V8 collects it only when it needs room, which a
 * service that waits may never do. One full collection shortly after the start returns the pages. It stops the
 * event loop once for some 50 to 100 ms (measured), so it waits until the start is over.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Incarnation } from "../kernel/Incarnation.ts"

const afterStart = "2 seconds"

/** https://v8.github.io/api/head/classv8_1_1Isolate.html: `gc` takes what `--expose-gc` documents. */
type Collect = (options: { readonly type: "major"; readonly execution: "sync"; readonly flavor: "last-resort" }) => void

const collect = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  const gc: Collect = runInNewContext("gc")
  setFlagsFromString("--no-expose-gc")
  gc({ type: "major", execution: "sync", flavor: "last-resort" })
}).pipe(Effect.withSpan("Heap.collect"))

/** Collects once, when the start is over. */
export const layer = Layer.effectDiscard(Incarnation.use(({ fork }) => fork(Effect.delay(collect, afterStart))))
