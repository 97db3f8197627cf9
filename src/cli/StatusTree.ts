/** The tree as a watcher keeps it: every node by its path, changed by what the service tells. Pure. */
import { isWithin } from "../api/TreeScope.ts"
import type { NodeSnapshot, TreeChange, TreeNode } from "../kernel/Tree.ts"

/** Nodes in the order in which they came; `omitted` counts those below a path that are not listed. */
export interface Nodes {
  readonly byPath: ReadonlyMap<string, TreeNode>
  readonly omitted: ReadonlyMap<string, number>
}

export const none: Nodes = { byPath: new Map(), omitted: new Map() }

/** The nodes after a change. */
export const applied = ({ byPath, omitted }: Nodes, change: TreeChange): Nodes => {
  switch (change.type) {
    case "Tree":
      return nodesOf(change.tree)
    case "Changed":
      return { byPath: new Map(byPath).set(change.node.path, change.node), omitted }
    case "Gone":
      return { byPath: new Map([...byPath].filter(([path]) => !isWithin(path, change.path))), omitted }
  }
}

const nodesOf = (tree: NodeSnapshot): Nodes => {
  const byPath = new Map<string, TreeNode>()
  const omitted = new Map<string, number>()
  const open = [tree]
  for (let snapshot = open.pop(); snapshot !== undefined; snapshot = open.pop()) {
    const { children, omitted: left, ...node } = snapshot
    byPath.set(node.path, node)
    if (left !== undefined) omitted.set(node.path, left)
    open.push(...[...children].reverse())
  }
  return { byPath, omitted }
}

/** The tree from its topmost node down; undefined while there is none. */
export const treeOf = ({ byPath, omitted }: Nodes): NodeSnapshot | undefined => {
  const [top] = [...byPath.values()].sort((one, other) => one.path.length - other.path.length)
  const below = Map.groupBy(byPath.values(), ({ path }) => path.slice(0, path.lastIndexOf("/")))
  const build = (node: TreeNode): NodeSnapshot => {
    const left = omitted.get(node.path)
    const children = below.get(node.path) ?? []
    return { ...node, children: children.map(build), ...(left !== undefined && { omitted: left }) }
  }
  return top && build(top)
}
