/** A supervisor and what is below it as the tree shows it, and the way to each node. */
import type { Child } from "./Child.ts"
import type { Branch, Control, NodeSnapshot, SnapshotLimits } from "./Tree.ts"
import { childOnPath } from "./Tree.ts"

/** What is shown of a supervisor. */
interface Shown<R> extends Branch {
  readonly children: ReadonlyMap<string, Child<R>>
}

/** The supervisor with its children, as far as the limits go, and all below them. */
export const snapshotOf = <R>(supervisor: Shown<R>, limits: SnapshotLimits): NodeSnapshot => {
  const children = listed([...supervisor.children.values()], limits.children).map((child) => child.snapshot(limits))
  const omitted = supervisor.children.size - children.length
  return { ...supervisor.node(), children, ...(omitted > 0 && { omitted }) }
}

/** All, or as many as are wanted: first those that are not simply running, as somebody may look for them. */
const listed = <R>(children: ReadonlyArray<Child<R>>, limit: number): ReadonlyArray<Child<R>> => {
  if (children.length <= limit) return children
  const remarkable: Array<Child<R>> = []
  const running: Array<Child<R>> = []
  for (const child of children) {
    const alike = child.state === "running" ? running : remarkable
    if (alike.length < limit) alike.push(child)
  }
  return [...remarkable, ...running].slice(0, limit)
}

/** How to act on the node at this path; `own` says how for a child. Undefined when there is none. */
export const locateIn = <R>(
  supervisor: Shown<R>,
  path: string,
  own: (child: Child<R>) => Control
): Control | undefined => {
  const id = childOnPath(supervisor.path, path)
  const child = id === undefined ? undefined : supervisor.children.get(id)
  if (child === undefined) return undefined
  if (child.path === path) return own(child)
  // The last one first: an incarnation that was left behind may still have one there.
  for (const branch of [...child.branches].reverse()) {
    const found = branch.locate(path)
    if (found !== undefined) return found
  }
  return undefined
}
