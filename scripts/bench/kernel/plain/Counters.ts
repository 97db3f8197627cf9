/**
 * The same actors as somebody writes them by hand for Node.js: an array for a mailbox that is emptied in a microtask, a
 * promise for each answer, one list of deadlines with one timer, and a `catch` that starts anew.
 */
import { setImmediate as turn } from "node:timers/promises"

interface Letter {
  readonly by: number
  readonly resolve: (count: number) => void
  readonly reject: (error: unknown) => void
  readonly at: number
}

type Receive = (by: number) => number | Promise<number>

/** Begins one incarnation. */
export type Start = () => Receive

const boom = (): never => {
  throw new Error("boom")
}

/** Answers within the step that empties the mailbox. */
export const counter: Start = () => {
  let count = 0
  return (by) => {
    if (by < 0) boom()
    count += by
    return count
  }
}

/** Waits for its turn once before it answers. */
export const waiting: Start = () => {
  let count = 0
  return async (by) => {
    if (by < 0) boom()
    await turn()
    count += by
    return count
  }
}

const patience = 5000
const nobody = () => undefined

export class Counter {
  readonly #start: Start
  readonly #over: Supervisor
  #receive: Receive
  #mailbox: Array<Letter> = []
  #isBusy = false

  constructor(over: Supervisor, start: Start) {
    this.#over = over
    this.#start = start
    this.#receive = start()
  }

  /** The count after it is added; rejects when the actor crashes of it, or in 5 seconds. */
  ask(by: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const letter: Letter = { by, resolve, reject, at: performance.now() + patience }
      this.#over.expect(letter)
      this.#put(letter)
    })
  }

  tell(by: number): void {
    this.#put({ by, resolve: nobody, reject: nobody, at: 0 })
  }

  #put(letter: Letter): void {
    this.#mailbox.push(letter)
    if (this.#isBusy) return
    this.#isBusy = true
    queueMicrotask(() => this.#work())
  }

  async #work(): Promise<void> {
    while (this.#mailbox.length > 0) {
      const letters = this.#mailbox
      this.#mailbox = []
      for (const letter of letters) {
        try {
          const answer = this.#receive(letter.by)
          letter.resolve(typeof answer === "number" ? answer : await answer)
        } catch (error) {
          this.#receive = this.#start()
          this.#over.restarts++
          letter.reject(error)
        }
        if (letter.at > 0) this.#over.forget(letter)
      }
    }
    this.#isBusy = false
  }
}

export class Supervisor {
  readonly #actors = new Map<string, Counter>()
  /** All wait equally long, so that the first is due first. */
  readonly #expected = new Set<Letter>()
  #timer: NodeJS.Timeout | undefined = undefined
  restarts = 0

  /** Starts an actor that no other is called like. */
  start(id: string, start: Start): Counter {
    if (this.#actors.has(id)) throw new Error(`${id} is there already`)
    const actor = new Counter(this, start)
    this.#actors.set(id, actor)
    return actor
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#actors.clear()
  }

  expect(letter: Letter): void {
    this.#expected.add(letter)
    this.#timer ??= setTimeout(() => this.#expire(), patience)
  }

  forget(letter: Letter): void {
    this.#expected.delete(letter)
  }

  #expire(): void {
    const now = performance.now()
    this.#timer = undefined
    for (const letter of this.#expected) {
      if (letter.at > now) {
        this.#timer = setTimeout(() => this.#expire(), letter.at - now)
        return
      }
      this.#expected.delete(letter)
      letter.reject(new Error("no answer in time"))
    }
  }
}

/** So many of them under a supervisor, started one after the other; others get a turn after each thousand. */
export const started = async (over: Supervisor, start: Start, count: number): Promise<Array<Counter>> => {
  const actors: Array<Counter> = []
  for (let index = 0; index < count; index++) {
    actors.push(over.start(`actor-${index}`, start))
    if (index % 1000 === 999) await turn()
  }
  return actors
}
