/**
 * Lists in sizes that are powers of two. A statement's text depends on how many values it takes, so only a handful of
 * texts ever have to be prepared, whatever the size of a batch.
 */
import * as Arr from "effect/Array"

/** Splits into as few pieces as possible, each a power of two long and no longer than `limit`, itself one. */
export const chunked = <A>(values: ReadonlyArray<A>, limit: number): ReadonlyArray<Arr.NonEmptyReadonlyArray<A>> => {
  const chunks: Array<Arr.NonEmptyReadonlyArray<A>> = []
  let start = 0
  for (let size = limit; size >= 1; size /= 2) {
    for (; values.length - start >= size; start += size) {
      const chunk = values.slice(start, start + size)
      if (Arr.isReadonlyArrayNonEmpty(chunk)) chunks.push(chunk)
    }
  }
  return chunks
}

/** Repeats the last value until the length is a power of two: for `IN (…)`, which does not mind. */
export const padded = <A>(values: Arr.NonEmptyReadonlyArray<A>): Arr.NonEmptyReadonlyArray<A> => {
  const size = 2 ** Math.ceil(Math.log2(values.length))
  const filling = Array.from({ length: size - values.length }, () => Arr.lastNonEmpty(values))
  return Arr.appendAll(values, filling)
}
