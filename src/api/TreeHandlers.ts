/**
 * Answers about the supervision tree.
 *
 * An action is begun by whoever asked and performed by the supervisor, so that it does not end with the request. What
 * would end the API itself begins when the answer is out, in a fiber that the API does not own.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Caller } from "../domain/Access.ts"
import { Drain } from "../kernel/Drain.ts"
import type { Control, TreeChange } from "../kernel/Tree.ts"
import { CurrentCaller, requireRole } from "./Access.ts"
import { eventStream, type Frame } from "./EventStreams.ts"
import { Conflict, Forbidden, NotFound } from "./Problems.ts"
import type { Begun } from "./TreeApi.ts"
import { type Action, changeWithin, isWithin, mannerOf, root as whole, topOf } from "./TreeScope.ts"
import { type TreeRoot, TreeView } from "./TreeView.ts"

/** Less than the idle time-outs of common proxies (nginx `proxy_read_timeout`: 60 seconds). */
const patience = "30 seconds"

interface Watching {
  readonly headers: { readonly accept?: string }
  readonly query: { readonly path?: string }
}

/** The tree from `path` down, or from where it begins for the caller. */
export const tree = Effect.fnUntraced(function* ({ headers, query }: Watching) {
  const home = topOf(yield* requireRole("viewer"))
  const top = query.path ?? home
  if (!isWithin(top, home)) return yield* missing(top)
  const root = yield* Effect.flatten(TreeView.useSync((view) => view.root))
  const found = top === whole ? yield* root.snapshot : root.locate(top)?.snapshot()
  if (found === undefined) return yield* missing(top)
  return headers.accept?.includes("text/event-stream") === true ? yield* followed(root, top) : found
})

const missing = (path: string) => new NotFound({ detail: `there is no node ${path}` })

/** Whatever changes from `top` down, until the client goes or the service stops. */
const followed = Effect.fnUntraced(function* ({ changes }: TreeRoot, top: string) {
  const drain = yield* Drain
  const frames = changes.pipe(
    Stream.flatMap((change) => Stream.fromIterable(framesOf(changeWithin(change, top)))),
    Stream.interruptWhen(drain.closing)
  )
  return eventStream(frames)
})

const framesOf = (change: TreeChange | undefined): ReadonlyArray<Frame> =>
  change === undefined ? [] : [{ event: change.type, data: JSON.stringify(change) }]

interface Acting {
  readonly payload: { readonly path: string }
}

/** Does it to the node at this path, for operators. */
export const act = (action: Action) =>
  Effect.fnUntraced(function* ({ payload: { path } }: Acting) {
    const caller = yield* CurrentCaller
    if (!isWithin(path, topOf(caller))) return yield* missing(path)
    yield* requireRole("operator")
    const manner = mannerOf(caller, action, path)
    if (manner._tag === "Refuse") {
      return yield* manner.status === 403
        ? new Forbidden({ detail: manner.reason })
        : new Conflict({ detail: manner.reason })
    }
    const root = yield* Effect.flatten(TreeView.useSync((view) => view.root))
    const control = root.locate(path)
    if (control === undefined) return yield* missing(path)
    yield* tell(caller, action, path)
    return yield* manner._tag === "Now" ? now(control, action, path) : afterwards(control, action, path)
  })

const tell = ({ name }: Caller, action: Action, path: string) =>
  Effect.annotateLogs(Effect.logInfo("tree action"), { path, action, by: name })

/** Waits for what becomes of it. */
const now = Effect.fnUntraced(function* (control: Control, action: Action, path: string) {
  const done = yield* perform(control, action).pipe(
    Effect.catchTags({
      ChildUnknown: () => missing(path),
      ChildStartFailed: (error) => new Conflict({ detail: error.message })
    }),
    Effect.timeoutOption(patience)
  )
  return Option.isNone(done) ? begun(action, path, `it takes longer than ${patience}, and goes on`) : control.node()
})

const perform = (control: Control, action: Action): Effect.Effect<void, Effect.Error<Control["restart"]>> =>
  control[action]

/** Waits until this request is over. */
const afterwards = Effect.fnUntraced(function* (control: Control, action: Action, path: string) {
  const view = yield* TreeView
  const acting = Effect.catchCause(perform(control, action), (cause) =>
    Effect.annotateLogs(Effect.logWarning("tree action failed", cause), { path, action })
  )
  yield* Effect.withFiber((request) => view.afterwards(Effect.andThen(Fiber.await(request), acting)))
  return begun(action, path, "it begins when this answer is out; the API is away for a moment")
})

const begun = (action: Action, path: string, detail: string): Begun => ({ path, action, detail })
