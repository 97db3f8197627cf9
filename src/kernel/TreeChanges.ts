/**
 * Tells watchers which nodes of one tree have changed.
 *
 * A watcher that is slow is not told of every step but of how each node is by then, so that it never falls behind by
 * more than the tree has nodes, and nobody who changes anything ever waits. Without watchers a change costs one
 * comparison.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { Changes, NodeSnapshot, Noded, TreeChange } from "./Tree.ts"

interface Watcher {
  readonly changed: Set<Noded>
  readonly gone: Set<string>
  readonly news: Latch.Latch
}

export class TreeChanges implements Changes {
  readonly #watchers = new Set<Watcher>()

  touch(node: Noded): void {
    for (const { changed, gone, news } of this.#watchers) {
      changed.add(node)
      if (gone.size > 0) gone.delete(node.path)
      Latch.openUnsafe(news)
    }
  }

  remove(node: Noded): void {
    for (const { changed, gone, news } of this.#watchers) {
      changed.delete(node)
      gone.add(node.path)
      Latch.openUnsafe(news)
    }
  }

  stream(snapshot: () => NodeSnapshot): Stream.Stream<TreeChange> {
    return Stream.unwrap(
      Effect.map(this.#watch, (watcher) => {
        const first: TreeChange = { type: "Tree", tree: snapshot() }
        const news = Effect.map(Latch.await(watcher.news), () => take(watcher))
        return Stream.concat(Stream.succeed(first), Stream.flattenIterable(Stream.fromEffectRepeat(news)))
      })
    )
  }

  readonly #watch = Effect.acquireRelease(
    Effect.sync(() => {
      const watcher: Watcher = { changed: new Set(), gone: new Set(), news: Latch.makeUnsafe(false) }
      this.#watchers.add(watcher)
      return watcher
    }),
    (watcher) => Effect.sync(() => this.#watchers.delete(watcher))
  )
}

const take = ({ changed, gone, news }: Watcher): ReadonlyArray<TreeChange> => {
  Latch.closeUnsafe(news)
  const present = gone.size === 0 ? [...changed] : [...changed].filter(({ path }) => !isBelow(path, gone))
  const told: ReadonlyArray<TreeChange> = [
    ...Array.from(gone, (path) => ({ type: "Gone", path }) as const),
    ...present.map((node) => ({ type: "Changed", node: node.node() }) as const)
  ]
  changed.clear()
  gone.clear()
  return told
}

/** What is below a node that is gone had its last change with it. */
const isBelow = (path: string, gone: ReadonlySet<string>): boolean => {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (gone.has(path.slice(0, end))) return true
  }
  return false
}
