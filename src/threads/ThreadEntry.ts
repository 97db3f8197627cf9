/**
 * What runs in a worker thread: takes one job after the other and answers each.
 *
 * Loads nothing until a job names its module. It is not written with Effect, so that a thread does not load more than
 * its jobs need.
 */
import { parentPort } from "node:worker_threads"

interface Request {
  readonly module: string
  readonly input: unknown
}

parentPort?.on("message", ({ input, module }: Request) => {
  import(module)
    .then(({ perform }) => parentPort?.postMessage({ _tag: "Answered", output: perform(input) }))
    .catch((error: unknown) => {
      parentPort?.postMessage({ _tag: "Threw", reason: error instanceof Error ? error.message : String(error) })
    })
})
parentPort?.postMessage({ _tag: "Ready" })
