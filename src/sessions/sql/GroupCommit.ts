/**
 * One writer for many callers: whatever waits when the writer is free is committed together, so that they share one
 * transaction and one sync of the disk.
 *
 * A submission is answered only after its commit. The writer belongs to its incarnation, which ends with it; it outlives
 * any failing commit and any caller that gives up, and whoever still waits when the Scope closes is told so. A caller that
 * is interrupted while it waits does not know whether it was committed.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { Scope } from "effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import { Incarnation } from "../../kernel/Incarnation.ts"

export interface GroupCommit<Request, A, E> {
  /** Makes a request and waits until it is committed or refused. What making it throws is a defect of the caller alone. */
  readonly submit: (request: () => Request) => Effect.Effect<A, E>
}

export interface GroupCommitOptions<Request, A, E> {
  /** Commits a batch and says for each request, in order, what became of it. A defect is every request's. */
  readonly commit: (batch: NonEmptyReadonlyArray<Request>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, E>>>
  /** The most requests one commit takes. */
  readonly limit: number
  /** What a request fails with that can no longer be committed. */
  readonly closed: E
}

interface Waiting<Request, A, E> {
  readonly request: Request
  readonly answer: (exit: Exit.Exit<A, E>) => void
}

/** How many callers are answered in one stretch: each goes on at once, as far as it gets, for some 0.3 ms. */
const answeredAtOnce = 16

export const make: <Request, A, E>(
  options: GroupCommitOptions<Request, A, E>
) => Effect.Effect<GroupCommit<Request, A, E>, never, Incarnation | Scope.Scope> = Effect.fnUntraced(function* <
  Request,
  A,
  E
>(options: GroupCommitOptions<Request, A, E>) {
  const queue: Array<Waiting<Request, A, E>> = []
  const doorbell = Latch.makeUnsafe(false)
  let open = true
  let submitted = 0
  let settled = 0

  // Whoever waits is resumed directly: a Deferred each would cost 3 % of an append.
  const submit = (request: () => Request): Effect.Effect<A, E> =>
    Effect.callback((answer) => {
      if (!open) return answer(Exit.fail(options.closed))
      queue.push({ request: request(), answer })
      submitted++
      doorbell.openUnsafe()
    })

  /** A few at a time, so that others get on in between. */
  const settle = Effect.fnUntraced(function* (
    batch: ReadonlyArray<Waiting<Request, A, E>>,
    answerTo: (index: number) => Exit.Exit<A, E>
  ) {
    let index = 0
    for (const { answer } of batch) {
      if (index > 0 && index % answeredAtOnce === 0) yield* Effect.yieldNow
      settled++
      answer(answerTo(index++))
    }
  })

  const commit = Effect.suspend(() => {
    const [first, ...rest] = queue.splice(0, options.limit)
    if (first === undefined) {
      doorbell.closeUnsafe()
      return Effect.void
    }
    const batch = [first, ...rest]
    return options.commit([first.request, ...rest.map((waiting) => waiting.request)]).pipe(
      Effect.matchCauseEffect({
        onFailure: (cause) => settle(batch, () => Exit.failCause(cause)),
        onSuccess: (exits) => settle(batch, (index) => exits[index] ?? unanswered)
      }),
      Effect.uninterruptible
    )
  })

  // Registered before the writer is forked, so that it runs when the writer is gone.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      open = false
      for (const { answer } of queue.splice(0)) answer(Exit.fail(options.closed))
    })
  )
  // Whoever can run now may join: an answered caller resumes at once and would otherwise keep the writer to itself.
  const gather = Effect.andThen(doorbell.await, Effect.yieldNow)
  const write = Effect.forever(Effect.andThen(gather, commit), { disableYield: true })
  const incarnation = yield* Incarnation
  yield* incarnation.fork(write, { mustNotEnd: "the writer of the store" })
  yield* incarnation.reportVitals(() => ({ waiting: submitted - settled, done: settled }))
  return { submit }
})

const unanswered = Exit.die(new Error("a commit left a request unanswered"))
