/**
 * The ids of a conversation's tool calls as the Messages API takes them: letters, digits, `_` and `-`, and no two alike,
 * or it refuses the conversation for good. Its own are; some servers count the calls of each reply from 0.
 *
 * The same calls in the same order always get the same ids.
 */

/** To be asked in the order of the conversation. */
export interface CallIds {
  /** The id of the next call. */
  called(id: string): string
  /** The id of the call that a result belongs to: the last one that was called so. */
  answered(id: string): string
}

export const make = (): CallIds => {
  const taken = new Set<string>()
  const counts = new Map<string, number>()
  const current = new Map<string, string>()
  const called = (id: string): string => {
    const fit = fitting(id)
    let count = counts.get(fit) ?? 1
    let free = fit
    while (taken.has(free)) free = `${fit}_${++count}`
    counts.set(fit, count)
    taken.add(free)
    current.set(id, free)
    return free
  }
  return { called, answered: (id) => current.get(id) ?? fitting(id) }
}

const fitting = (id: string): string => id.replaceAll(/[^A-Za-z0-9_-]/g, "_")
