/**
 * What of the tree a caller may see and act on, and when. Pure.
 *
 * A token of the whole service reaches everything. To one that is bound to a tenant the tree begins at that tenant's
 * node, and the rest of it does not exist.
 */
import type { Caller } from "../domain/Access.ts"
import type { NodeSnapshot, TreeChange } from "../kernel/Tree.ts"

export const actions = ["restart", "stop", "pause", "resume", "kill"] as const
export type Action = (typeof actions)[number]

/** The path of the whole service. */
export const root = "fiberclaw"

/** Where the tree begins for this caller. */
export const topOf = ({ tenant }: Pick<Caller, "tenant">): string =>
  tenant === undefined ? root : `${root}/tenants/${tenant}`

/** Whether the node at `path` is the one at `top` or below it. */
export const isWithin = (path: string, top: string): boolean => path === top || path.startsWith(`${top}/`)

/** The node at this path with all below it; undefined when it is not in the snapshot. */
export const subtree = (tree: NodeSnapshot, path: string): NodeSnapshot | undefined => {
  let node: NodeSnapshot | undefined = tree
  while (node !== undefined && node.path !== path) node = node.children.find((child) => isWithin(path, child.path))
  return node
}

/** A change as those see it who watch from `top` down; undefined when it is none of theirs. */
export const changeWithin = (change: TreeChange, top: string): TreeChange | undefined => {
  switch (change.type) {
    case "Tree": {
      const tree = subtree(change.tree, top)
      return tree === undefined ? { type: "Gone", path: top } : { type: "Tree", tree }
    }
    case "Changed":
      return isWithin(change.node.path, top) ? change : undefined
    case "Gone":
      if (isWithin(change.path, top)) return change
      return isWithin(top, change.path) ? { type: "Gone", path: top } : undefined
  }
}

/** How an action is to be carried out: now, when its answer is out (it ends the API for a while), or not at all. */
export type Manner =
  | { readonly _tag: "Now" }
  | { readonly _tag: "Afterwards" }
  | { readonly _tag: "Refuse"; readonly status: 403 | 409; readonly reason: string }

/** Judges an action on a node that the caller may see. */
export const mannerOf = (caller: Pick<Caller, "tenant">, action: Action, path: string): Manner => {
  if (path === root) return refuse(409, `${root} is the service itself: the root is stopped by a signal`)
  if (path === topOf(caller)) return refuse(403, "a tenant as a whole takes a token of the whole service")
  if (path.split("/").length > 2 || action === "resume") return { _tag: "Now" }
  return action === "restart" || action === "kill" ? { _tag: "Afterwards" } : refuse(409, unreachable(action, path))
}

const refuse = (status: 403 | 409, reason: string): Manner => ({ _tag: "Refuse", status, reason })

/** Whatever stands directly below the root takes the API along (rest_for_one), or is the orderly stop itself. */
const unreachable = (action: Action, path: string): string =>
  `the service cannot answer without ${path}, so nobody could undo a ${action}: restart it, or stop the whole service`
