/**
 * The one place for work that computes for long: JavaScript does not preempt, so what takes more than about 10 ms of
 * processor runs here, in worker threads, and the fibers of all tenants go on meanwhile.
 *
 * Threads start on demand, one job at a time each, and end when they have nothing to do; they are temporary children
 * of `threads`. A job that takes too long, or whose caller goes away, is killed together with its thread, and the next
 * job gets another one. Closing the Scope ends them all.
 */
import { availableParallelism } from "node:os"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as Cause from "effect/Cause"
import * as Supervisor from "../kernel/Supervisor.ts"
import type { ChildSpec } from "../kernel/ChildSpec.ts"
import type { Job } from "./Job.ts"
import * as Thread from "./Thread.ts"
import { type JobError, type JobFailed, JobTimedOut, ThreadDied, ThreadsBusy } from "./ThreadError.ts"

export interface ThreadsOptions {
  /** The most threads at a time. Default: one less than there are processors, at least one. */
  readonly threads?: number
  /** The most jobs that wait for a thread; the next one is refused. Default: 64. */
  readonly waiting?: number
  /** How long a thread without a job is kept. Default: 10 seconds. */
  readonly idle?: Duration.Input
  /** The most memory the heap of one thread may take. Default: 256. `Thread` says what this limit is worth. */
  readonly heapMegabytes?: number
}

export class Threads extends Context.Service<
  Threads,
  {
    /**
     * Performs a job in a thread. Jobs that find no thread wait in the order they came. `timeout` counts from the
     * moment a thread that has started is given the job, and takes in the loading of the job's module.
     */
    run<Input, Output>(
      job: Job<Input, Output>,
      input: Input,
      options: { readonly timeout: Duration.Input }
    ): Effect.Effect<Output, JobError>
  }
>()("fiberclaw/threads/Threads") {
  static readonly layerWith = (options: ThreadsOptions) => Layer.effect(Threads, make(options))

  static readonly layer = Layer.suspend(() => Threads.layerWith({}))
}

/** A thread and whether it rests; `taken` is open while it does not. */
interface Resident {
  readonly thread: Thread.Thread
  readonly resting: Latch.Latch
  readonly taken: Latch.Latch
}

const make = Effect.fnUntraced(function* (options: ThreadsOptions) {
  const limit = options.threads ?? Math.max(1, availableParallelism() - 1)
  const most = limit + (options.waiting ?? 64)
  const slots = yield* Semaphore.make(limit)
  const crew = yield* makeCrew(options)
  let admitted = 0

  const admit = (job: string) =>
    Effect.suspend(() => {
      if (admitted >= most) return new ThreadsBusy({ job, waiting: most - limit })
      admitted++
      return Effect.void
    })

  const run: Threads["Service"]["run"] = Effect.fn("Threads.run")(function* (job, input, { timeout }) {
    yield* Effect.annotateCurrentSpan({ "fiberclaw.job": job.name })
    const duration = Duration.fromInputUnsafe(timeout)
    const tooLong = () => new JobTimedOut({ job: job.name, millis: Duration.toMillis(duration) })
    const onThread = Effect.acquireUseRelease(
      crew.take,
      ({ thread }) =>
        Effect.timeoutOrElse(thread.perform(job, input), { duration, orElse: () => Effect.fail(tooLong()) }),
      (resident, exit) => (isAtRest(exit) ? crew.giveBack(resident) : crew.dismiss(resident))
    )
    return yield* Effect.acquireUseRelease(
      admit(job.name),
      () => Semaphore.withPermits(slots, 1)(onThread),
      () => Effect.sync(() => admitted--)
    )
  })

  return Threads.of({ run })
})

/** Whether the thread is done with its job. */
const isAtRest = (exit: Exit.Exit<unknown, JobFailed | JobTimedOut | ThreadDied>): boolean =>
  Exit.isSuccess(exit) || Option.exists(Cause.findErrorOption(exit.cause), ({ _tag }) => _tag === "JobFailed")

/** one_for_one, dynamic, temporary: a thread is never restarted by its supervisor, so no intensity applies. */
const makeCrew = Effect.fnUntraced(function* ({ heapMegabytes = 256, idle = "10 seconds" }: ThreadsOptions) {
  const supervisor = yield* Supervisor.make({
    name: "threads",
    strategy: "one_for_one",
    intensity: { restarts: 0, within: "1 second" }
  })
  const atRest: Array<Resident> = []
  let started = 0

  /** Whether it was there: of all who want it, one gets it. */
  const remove = (resident: Resident): boolean => {
    const index = atRest.indexOf(resident)
    if (index >= 0) atRest.splice(index, 1)
    return index >= 0
  }

  const untilIdle = Effect.fnUntraced(function* (resident: Resident) {
    for (;;) {
      yield* resident.resting.await
      const taken = yield* Effect.timeoutOption(resident.taken.await, idle)
      if (Option.isNone(taken) && remove(resident)) return
    }
  })

  const childOf = (id: string, born: Deferred.Deferred<Resident>): ChildSpec => ({
    id,
    kind: "worker",
    restart: "temporary",
    shutdown: Duration.seconds(5),
    start: Effect.map(Thread.open(id, heapMegabytes), (thread) => {
      const resident = { thread, resting: Latch.makeUnsafe(false), taken: Latch.makeUnsafe(true) }
      Deferred.doneUnsafe(born, Exit.succeed(resident))
      const leave = Effect.sync(() => remove(resident))
      return Effect.ensuring(Effect.raceFirst(thread.died, untilIdle(resident)), leave)
    })
  })

  const begin = Effect.suspend(() => {
    const thread = `thread-${++started}`
    const born = Deferred.makeUnsafe<Resident>()
    return supervisor.startChild(childOf(thread, born)).pipe(
      Effect.mapError((error) => new ThreadDied({ thread, reason: error.message })),
      Effect.andThen(Deferred.await(born))
    )
  })

  /** The one that rested last, so that those which are not needed end. */
  const take = Effect.suspend(() => {
    const resident = atRest.findLast(({ thread }) => thread.isAlive())
    if (resident === undefined) return begin
    remove(resident)
    resident.resting.closeUnsafe()
    resident.taken.openUnsafe()
    return Effect.succeed(resident)
  })

  const giveBack = (resident: Resident) =>
    Effect.sync(() => {
      atRest.push(resident)
      resident.taken.closeUnsafe()
      resident.resting.openUnsafe()
    })

  /** Kills the thread and waits until it is gone; one that died is its supervisor's to bury, and to report. */
  const dismiss = ({ thread }: Resident) =>
    Effect.suspend(() => (thread.isAlive() ? Effect.ignore(supervisor.stopChild(thread.name)) : Effect.void))

  return { take, giveBack, dismiss }
})
