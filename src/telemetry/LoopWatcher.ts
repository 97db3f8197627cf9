/**
 * The thread that watches the main one. When the main thread's heartbeat is overdue, it asks the main thread who is
 * running: V8 answers a question of its inspector in the middle of a loop that never ends.
 *
 * The session with the inspector lasts as long as one question: while there is none, the main thread is not touched.
 */
import type * as Inspector from "node:inspector"
import { Worker, type WorkerOptions } from "node:worker_threads"

/** What the watcher is given. */
export interface Watching {
  /** One cell: when the main thread's heart beat last, in nanoseconds of `process.hrtime`. */
  readonly heart: BigInt64Array
  /** A heartbeat older than this many milliseconds is overdue. */
  readonly patience: number
  /** The global function that is called with the last heartbeat: `globalThis[Symbol.for(question)]`. */
  readonly question: string
}

/** Runs in the thread, and so may name nothing that is not its own. */
const run = ({ heart, patience, question }: Watching, { Session }: typeof Inspector) => {
  const now = () => Number(process.hrtime.bigint() / 1_000_000n)

  /** Asks the main thread, and ends the session when it has answered. */
  const ask = (expression: string, answered: () => void) => {
    const session = new Session()
    session.connectToMainThread()
    session.post("Runtime.evaluate", { expression }, () => {
      session.disconnect()
      answered()
    })
  }

  let asking = false
  const watch = (due: number) => {
    const beat = Atomics.load(heart, 0)
    const age = now() - Number(beat / 1_000_000n)
    // When this thread is late itself, the machine was asleep or busy, and the main thread is not to blame.
    const onTime = now() - due < patience
    if (age >= patience && onTime && !asking) {
      asking = true
      ask(`globalThis[Symbol.for("${question}")]?.(${beat}n)`, () => {
        asking = false
      })
    }
    const pause = age < patience ? patience - age : patience
    setTimeout(watch, pause, now() + pause)
  }
  watch(now())
}

/** A module of its own would have its types stripped in the thread, and that takes 20 MB (Node.js 24). */
const program = `
  const { parentPort, workerData } = require("node:worker_threads")
  ;(${run})(workerData, require("node:inspector"))
  parentPort.postMessage("watching")
`

/** Starts the thread; it says so when it watches. */
export const start = (workerData: Watching): Worker => {
  const options: WorkerOptions = { eval: true, workerData, execArgv: [] }
  return new Worker(program, options)
}
