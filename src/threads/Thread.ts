/**
 * One worker thread, seen from the main one. It lives until its Scope closes, which kills it whatever it is doing, and
 * `died` tells how it ended.
 *
 * It sees nothing of the environment but where compiled code is kept, so nothing of the service's keys. The limit on
 * its heap is V8's: it covers no Buffers, and a job that allocates in large strides can make V8 abort the process
 * before it is enforced (Node.js, issue 47224). So bound what a job is given.
 */
import { dirname } from "node:path"
import { getCompileCacheDir } from "node:module"
import { Worker } from "node:worker_threads"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Scope } from "effect"
import type { Job } from "./Job.ts"
import { JobFailed, ThreadDied } from "./ThreadError.ts"

export interface Thread {
  readonly name: string
  /** False as soon as it has begun to end. */
  readonly isAlive: () => boolean
  /** Fails when the thread ends; never succeeds. */
  readonly died: Effect.Effect<never, ThreadDied>
  /** Performs one job; the next may be given when this is over. Interruption leaves the thread at it: kill it. */
  perform<Input, Output>(job: Job<Input, Output>, input: Input): Effect.Effect<Output, JobFailed | ThreadDied>
}

const Reply = Schema.Union([
  Schema.TaggedStruct("Answered", { output: Schema.Unknown }),
  Schema.TaggedStruct("Threw", { reason: Schema.String })
])
type Reply = typeof Reply.Type

/** How long a thread may take to start; some 50 ms are usual. */
const patience = "30 seconds"

/** Starts a thread and waits until it takes jobs. */
export const open: (name: string, heapMegabytes: number) => Effect.Effect<Thread, ThreadDied, Scope.Scope> =
  Effect.fnUntraced(function* (name, heapMegabytes) {
    const died = Deferred.makeUnsafe<never, ThreadDied>()
    let alive = true
    const end = (reason: string) => {
      alive = false
      Deferred.doneUnsafe(died, Exit.fail(new ThreadDied({ thread: name, reason })))
    }
    const kill = (worker: Worker) =>
      Effect.promise(() => {
        end("it was stopped")
        return worker.terminate()
      })
    const ready = Deferred.makeUnsafe<void>()
    const begin = Effect.sync(() => {
      const worker = spawn(name, heapMegabytes, end)
      worker.once("message", () => Deferred.doneUnsafe(ready, Exit.void))
      return worker
    })
    const worker = yield* Effect.acquireRelease(begin, kill)
    yield* Effect.timeoutOrElse(Effect.raceFirst(Deferred.await(died), Deferred.await(ready)), {
      duration: patience,
      orElse: () => new ThreadDied({ thread: name, reason: `it did not start within ${patience}` })
    })

    const perform: Thread["perform"] = Effect.fnUntraced(function* (job, input) {
      const faulty = (error: Schema.SchemaError) => new JobFailed({ job: job.name, reason: error.message })
      const message = yield* Effect.mapError(Schema.encodeEffect(job.input)(input), faulty)
      const request = { module: job.module.href, input: message }
      const reply = yield* Effect.raceFirst(Deferred.await(died), ask(worker, request))
      if (reply._tag === "Threw") return yield* new JobFailed({ job: job.name, reason: reply.reason })
      return yield* Effect.mapError(Schema.decodeUnknownEffect(job.output)(reply.output), faulty)
    })

    return { name, isAlive: () => alive, died: Deferred.await(died), perform }
  })

const spawn = (name: string, heapMegabytes: number, end: (reason: string) => void): Worker => {
  const cache = getCompileCacheDir()
  const worker = new Worker(new URL("./ThreadEntry.ts", import.meta.url), {
    name,
    // The folder is the one for this version of Node.js, inside the one that was asked for.
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes }
  })
  worker.on("error", (error) => end(error instanceof Error ? error.message : String(error)))
  worker.on("messageerror", (error) => end(error.message))
  worker.on("exit", (code) => end(`it exited with code ${code}`))
  return worker
}

const decodeReply = Schema.decodeUnknownEffect(Reply)

/** What the thread says next, once it is asked. It is our own: anything unexpected is a defect. */
const ask = (worker: Worker, request: unknown): Effect.Effect<Reply> =>
  Effect.callback<unknown>((resume) => {
    const listener = (message: unknown) => resume(Effect.succeed(message))
    worker.once("message", listener)
    worker.postMessage(request)
    return Effect.sync(() => worker.off("message", listener))
  }).pipe(Effect.flatMap(decodeReply), Effect.orDie)
