/**
 * A queue in which everybody gets a turn: one item of each key after the other, in the order of arrival within a key.
 *
 * Who is first stays first until taken or removed, and a key that was served goes behind all others: with n keys
 * waiting, an item at the head of its own is taken after at most n - 1 others.
 */
export interface FairQueue<K, A> {
  push(key: K, item: A): void
  /** Who is next. */
  readonly head: A | undefined
  /** Takes the next one out. */
  shift(): void
  /** Takes an item out, wherever it stands; nothing happens when it is not there. */
  remove(key: K, item: A): void
  readonly isEmpty: boolean
}

export const make = <K, A>(): FairQueue<K, A> => {
  const lines = new Map<K, Set<A>>()
  let served: readonly [K, Set<A>] | undefined

  const line = () => (served ??= first(lines))
  const remove = (key: K, item: A) => {
    const items = lines.get(key)
    if (items?.delete(item) !== true || items.size > 0) return
    lines.delete(key)
    if (served?.[0] === key) served = undefined
  }

  return {
    push: (key, item) => {
      const items = lines.get(key)
      if (items === undefined) lines.set(key, new Set([item]))
      else items.add(item)
    },
    get head() {
      const items = line()?.[1]
      return items && first(items)
    },
    shift: () => {
      const next = line()
      if (next === undefined) return
      const [key, items] = next
      const item = first(items)
      if (item !== undefined) items.delete(item)
      lines.delete(key)
      if (items.size > 0) lines.set(key, items)
      served = undefined
    },
    remove,
    get isEmpty() {
      return lines.size === 0
    }
  }
}

const first = <A>(items: Iterable<A>): A | undefined => {
  for (const item of items) return item
  return undefined
}
