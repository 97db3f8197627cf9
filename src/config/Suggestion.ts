/**
 * Guesses which known name a person meant.
 *
 * Names are compared without case, `-` and `_`, by Damerau-Levenshtein distance: one letter added, lost,
 * changed or swapped with its neighbour is one step. Only a near name is suggested, so a guess is worth reading.
 */

const plain = (name: string) => name.toLowerCase().replace(/[-_]/g, "")

/** The number of steps between two words (the restricted form: no letter is edited twice). */
export const distance = (left: string, right: string): number => {
  let before: Array<number> = []
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[column - 2] ?? 0) + 1 : Infinity
        )
      )
    }
    before = previous
    previous = current
  }
  return previous[right.length] ?? 0
}

/** The nearest of `names` if at most a third of its letters differ, the first of equally near ones. */
export const nearest = (word: string, names: ReadonlyArray<string>): string | undefined => {
  let best: { readonly name: string; readonly steps: number } | undefined
  for (const name of names) {
    const steps = distance(plain(word), plain(name))
    const near = steps <= Math.max(1, Math.floor(Math.max(word.length, name.length) / 3)) && steps < name.length
    if (near && (best === undefined || steps < best.steps)) best = { name, steps }
  }
  return best?.name
}

/** "did you mean `tools`?", or nothing when no name is near. */
export const didYouMean = (word: unknown, names: ReadonlyArray<string>): string | undefined => {
  // A pasted essay is no misspelt name, and comparing it would be slow.
  if (typeof word !== "string" || word.length > 64) return undefined
  const name = nearest(word, names)
  return name === undefined ? undefined : `did you mean \`${name}\`?`
}
