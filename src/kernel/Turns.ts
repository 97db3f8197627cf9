/** Work on very many things in stretches, so that others get on in between. */
import * as Effect from "effect/Effect"

/** How many are worked on before others get a turn: about 1 ms where one takes 1 µs. */
export const atOnce = 1000

/** Does this to each; others get a turn after each thousand. */
export const inTurns = <A>(items: Iterable<A>, act: (item: A) => void): Effect.Effect<void> => {
  const rest = items[Symbol.iterator]()
  let isOver = false
  const some = () => {
    for (let count = 0; count < atOnce && !isOver; count++) {
      const next = rest.next()
      if (next.done === true) isOver = true
      else act(next.value)
    }
    return isOver ? Effect.void : Effect.yieldNow
  }
  return Effect.whileLoop({ while: () => !isOver, body: some, step: () => undefined })
}
