/**
 * Tells watchers which nodes of one tree have changed.
 *
 * A watcher that is slow is not told of every step but of how each node is by then, and one that has missed too much is
 * shown the whole tree anew, so that it costs little memory however slow it is, and nobody who changes anything ever
 * waits. Without watchers a change costs one comparison.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { type Changes, defaultLimits, type NodeSnapshot, type Noded, type TreeChange } from "./Tree.ts"

interface Watcher {
  readonly changed: Set<Noded>
  readonly gone: Set<string>
  readonly news: Latch.Latch
  /** It has missed too much: what changed is not kept. */
  isBehind: boolean
}

/** How much a watcher may miss: about what the whole tree takes to show, as that is limited, too. */
const most = defaultLimits.children

export class TreeChanges implements Changes {
  readonly #watchers = new Set<Watcher>()

  touch(node: Noded): void {
    for (const watcher of this.#watchers) {
      const { changed, gone } = watcher
      if (gone.size > 0) gone.delete(node.path)
      changed.add(node)
      announce(watcher)
    }
  }

  remove(node: Noded): void {
    for (const watcher of this.#watchers) {
      watcher.changed.delete(node)
      watcher.gone.add(node.path)
      announce(watcher)
    }
  }

  stream(snapshot: () => NodeSnapshot): Stream.Stream<TreeChange> {
    return Stream.unwrap(
      Effect.map(this.#watch, (watcher) => {
        const news = Effect.map(Latch.await(watcher.news), () => take(watcher, snapshot))
        return Stream.flattenIterable(Stream.fromEffectRepeat(news))
      })
    )
  }

  readonly #watch = Effect.acquireRelease(
    Effect.sync(() => {
      // It begins with the whole tree.
      const watcher: Watcher = { changed: new Set(), gone: new Set(), news: Latch.makeUnsafe(true), isBehind: true }
      this.#watchers.add(watcher)
      return watcher
    }),
    (watcher) => Effect.sync(() => this.#watchers.delete(watcher))
  )
}

const announce = (watcher: Watcher): void => {
  const { changed, gone, news } = watcher
  if (changed.size + gone.size > most) watcher.isBehind = true
  if (watcher.isBehind) {
    changed.clear()
    gone.clear()
  }
  Latch.openUnsafe(news)
}

const take = (watcher: Watcher, snapshot: () => NodeSnapshot): ReadonlyArray<TreeChange> => {
  const { changed, gone, isBehind, news } = watcher
  Latch.closeUnsafe(news)
  watcher.isBehind = false
  if (isBehind) return [{ type: "Tree", tree: snapshot() }]
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
