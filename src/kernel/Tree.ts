/**
 * The supervision tree as data.
 *
 * A node's path is the names from the root joined by `/`. A supervisor finds its place through `ParentNode`, which
 * every child runs with; one named like the child that made it is that child's node, any other a node below it.
 */
import type { Cause, Effect, Stream } from "effect"
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

/** Why the incarnation before this one ended, and when (ISO 8601). */
export const LastExit = Schema.Struct({ reason: Schema.String, at: Schema.String })
export type LastExit = typeof LastExit.Type

const fields = {
  path: Schema.String,
  kind: Schema.Literals(["supervisor", "worker"]),
  strategy: Schema.optionalKey(Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"])),
  state: NodeState,
  /** How often it was started again since it was added. */
  restarts: Schema.Int,
  /** Since when it is in this state (ISO 8601). */
  since: Schema.String,
  lastExit: Schema.optionalKey(LastExit),
  /** Messages that wait, of a node that has a mailbox. */
  mailbox: Schema.optionalKey(Schema.Int)
}

/** One node for itself. */
export const TreeNode = Schema.Struct(fields)
export type TreeNode = typeof TreeNode.Type

/** One node and all below it; `omitted` counts the children that are there but not listed. */
export interface NodeSnapshot extends TreeNode {
  readonly children: ReadonlyArray<NodeSnapshot>
  readonly omitted?: number
}
export const NodeSnapshot = Schema.Struct({
  ...fields,
  children: Schema.Array(Schema.suspend((): Schema.Codec<NodeSnapshot> => NodeSnapshot)),
  omitted: Schema.optionalKey(Schema.Int)
})

/**
 * What a watcher of the tree is told: first the whole of it, then each node that changed, as it is by then, and each
 * path under which nothing is any more. One that has missed too much is shown the whole again.
 */
export const TreeChange = Schema.Union([
  Schema.Struct({ type: Schema.tag("Tree"), tree: NodeSnapshot }),
  Schema.Struct({ type: Schema.tag("Changed"), node: TreeNode }),
  Schema.Struct({ type: Schema.tag("Gone"), path: Schema.String })
])
export type TreeChange = typeof TreeChange.Type

/** How much of a large tree is wanted: at most so many children of each node, those first that are not running. */
export interface SnapshotLimits {
  readonly children: number
}

/** A thousand children are more than a person reads, and are made in about a millisecond. */
export const defaultLimits: SnapshotLimits = { children: 1000 }

/** What can be done to a node from outside. */
export interface Control {
  /** The node as it is now. */
  node(): TreeNode
  /** The node and all below it, a thousand children of each node at most. */
  snapshot(): NodeSnapshot
  /** Stops it, if it is up, and starts it with a whole budget; also brings back what is stopped, paused or parked. */
  readonly restart: Effect.Effect<void, ChildUnknown | ChildStartFailed>
  readonly stop: Effect.Effect<void, ChildUnknown>
  readonly pause: Effect.Effect<void, ChildUnknown>
  /** Starts what is stopped, paused or parked; leaves alone what is up. */
  readonly resume: Effect.Effect<void, ChildUnknown | ChildStartFailed>
  /** Makes it fail; its supervisor decides as for any other failure. */
  readonly kill: Effect.Effect<void, ChildUnknown>
}

/** Whatever has a node of its own. */
export interface Noded {
  readonly path: string
  node(): TreeNode
}

/** A supervisor as the child that hosts it sees it. */
export interface Branch extends Noded {
  snapshot(limits: SnapshotLimits): NodeSnapshot
  locate(path: string): Control | undefined
  /** It is no part of the tree any more: what is below it is gone. */
  leave(): void
}

/** Who is told when a tree changes. */
export interface Changes {
  /** The node is not as it was. */
  touch(node: Noded): void
  /** The node is there no more, nor is anything below it. */
  remove(node: Noded): void
  /** The whole tree as `snapshot` makes it, then all that changes. */
  stream(snapshot: () => NodeSnapshot): Stream.Stream<TreeChange>
}

/** Where a child belongs: the path of its supervisor, and who is told when the tree changes. */
export interface Origin {
  readonly path: string
  readonly changes: Changes
}

/** A child as the supervisors made inside it see it. */
export interface Host extends Origin {
  /** Puts a supervisor below this child until the returned function is called. */
  attach(branch: Branch): () => void
  /** The supervisor that has this child's path has changed. */
  touch(): void
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

/** A child's own node joined with that of the supervisor made inside it under the same path, if there is one. */
export const join = (own: TreeNode, same: TreeNode | undefined): TreeNode =>
  same?.strategy === undefined ? own : { ...own, kind: "supervisor", strategy: same.strategy }

/** A child's own node joined with the supervisors made inside it. */
export const graft = (own: TreeNode, branches: ReadonlyArray<NodeSnapshot>): NodeSnapshot => {
  // The last one: an incarnation that was left behind may still have one there.
  const same = branches.findLast((branch) => branch.path === own.path)
  const below = branches.filter((branch) => branch.path !== own.path)
  const children = [...(same?.children ?? []), ...below]
  const omitted = same?.omitted === undefined ? {} : { omitted: same.omitted }
  return { ...join(own, same), children, ...omitted }
}

/** Milliseconds since the epoch as ISO 8601. */
export const isoTime = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
