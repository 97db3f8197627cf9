/**
 * The supervision tree as data.
 *
 * A node's path is the names from the root joined by `/`. A supervisor finds its place through `ParentNode`, which
 * every child runs with; one named like the child that made it is that child's node, any other a node below it.
 */
import type { Cause, Effect } from "effect"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import type { ChildStartFailed, ChildUnknown } from "./SupervisorError.ts"

export const NodeState = Schema.Literals([
  "starting",
  "running",
  "backing off",
  "paused",
  "stopping",
  "stopped",
  "parked"
])
export type NodeState = typeof NodeState.Type

export const LastExit = Schema.Struct({ reason: Schema.String, at: Schema.String })
export type LastExit = typeof LastExit.Type

/** One node and all below it. `since` and `at` are ISO 8601; `restarts` counts since the node was added. */
export interface NodeSnapshot {
  readonly path: string
  readonly kind: "supervisor" | "worker"
  readonly strategy?: "one_for_one" | "one_for_all" | "rest_for_one"
  readonly state: NodeState
  readonly restarts: number
  readonly since: string
  readonly lastExit?: LastExit
  readonly children: ReadonlyArray<NodeSnapshot>
}
export const NodeSnapshot = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["supervisor", "worker"]),
  strategy: Schema.optionalKey(Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"])),
  state: NodeState,
  restarts: Schema.Int,
  since: Schema.String,
  lastExit: Schema.optionalKey(LastExit),
  children: Schema.Array(Schema.suspend((): Schema.Codec<NodeSnapshot> => NodeSnapshot))
})

/** What can be done to a node from outside. `restart` also brings back what is stopped, paused or parked. */
export interface Control {
  readonly restart: Effect.Effect<void, ChildUnknown | ChildStartFailed>
  readonly stop: Effect.Effect<void, ChildUnknown>
  readonly pause: Effect.Effect<void, ChildUnknown>
}

/** A supervisor as the child that hosts it sees it. */
export interface Branch {
  readonly path: string
  snapshot(): NodeSnapshot
  locate(path: string): Control | undefined
}

/** A child as the supervisors made inside it see it. */
export interface Host {
  readonly path: string
  /** Puts a supervisor below this child until the returned function is called. */
  attach(branch: Branch): () => void
  /** Set when a supervisor that gives up inside the child ends the child with this cause. */
  readonly escalate?: (cause: Cause.Cause<unknown>) => void
}

/** The child in which the current fiber runs; undefined at the root. */
export const ParentNode = Context.Reference<Host | undefined>("fiberclaw/kernel/ParentNode", {
  defaultValue: () => undefined
})

/** A name as one segment of a path. */
export const segment = (name: string): string => name.replaceAll("%", "%25").replaceAll("/", "%2F")

/** The path of a supervisor called `name` that is made inside `host`. */
export const pathIn = (host: Host | undefined, name: string): string => {
  if (host === undefined) return segment(name)
  return host.path.endsWith(`/${segment(name)}`) ? host.path : `${host.path}/${segment(name)}`
}

/** The name of the child of `parent` on the way to `path`; undefined when `path` is not below `parent`. */
export const childOnPath = (parent: string, path: string): string | undefined => {
  if (!path.startsWith(`${parent}/`)) return undefined
  return path
    .slice(parent.length + 1)
    .split("/", 1)[0]
    ?.replaceAll("%2F", "/")
    .replaceAll("%25", "%")
}

/** A child's own node joined with the supervisors made inside it. */
export const graft = (own: NodeSnapshot, branches: ReadonlyArray<NodeSnapshot>): NodeSnapshot => {
  const same = branches.filter((branch) => branch.path === own.path)
  const below = branches.filter((branch) => branch.path !== own.path)
  const children = [...same.flatMap((branch) => branch.children), ...below]
  const strategy = same[0]?.strategy
  return strategy === undefined ? { ...own, children } : { ...own, kind: "supervisor", strategy, children }
}

/** Milliseconds since the epoch as ISO 8601. */
export const isoTime = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
