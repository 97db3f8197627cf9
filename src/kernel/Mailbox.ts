/**
 * What waits for an actor: letters in the order they came, at most `capacity` of them, and what happens to one more.
 *
 * With `suspend` its sender waits for room, with `refuse` it is turned away, with `drop oldest` the one that has
 * waited longest makes room. A mailbox belongs to the child and not to one incarnation: what waits when the child
 * fails is there for the next.
 */
import type { Exit } from "effect"
import { Chain, Link } from "./Chain.ts"
import type { ActorDown } from "./ActorError.ts"

export type WhenFull = "suspend" | "refuse" | "drop oldest"

export interface MailboxOptions {
  readonly capacity: number
  readonly whenFull: WhenFull
}

/** Who does not keep up with ten thousand messages will not with more; 1 MB of memory at 100 bytes each. */
export const defaultMailbox: MailboxOptions = { capacity: 10_000, whenFull: "suspend" }

/** Told how it went, once. An actor answers its messages with its answers, which a mailbox knows nothing of. */
export type Reply = { answer(exit: Exit.Exit<unknown, unknown>): void }["answer"]

/** One message on its way. Without `reply` nobody waits for an answer. */
export class Letter extends Link {
  readonly message: unknown
  readonly reply: Reply | undefined
  /** Its sender would rather be told that the child is down than wait for the next incarnation. */
  readonly onlyNow: boolean
  /** Told when it leaves the line in front of a full mailbox: with nothing when it came in. */
  admitted: ((refusal?: ActorDown) => void) | undefined = undefined
  /** By when its sender wants the answer. */
  deadline: Link | undefined = undefined

  constructor(message: unknown, reply: Reply | undefined, onlyNow: boolean) {
    super()
    this.message = message
    this.reply = reply
    this.onlyNow = onlyNow
  }

  /** Tells whoever waits, in time or never. */
  answer(exit: Exit.Exit<unknown, unknown>): void {
    this.deadline?.unlink()
    this.reply?.(exit)
  }
}

export class Mailbox {
  readonly #options: MailboxOptions
  readonly #letters = new Chain<Letter>()
  /** Those whose senders wait for room. */
  #line: Chain<Letter> | undefined = undefined

  constructor(options: MailboxOptions) {
    this.#options = options
  }

  /** Letters that came in and those whose senders wait. */
  get length(): number {
    return this.#letters.length + this.#inLine
  }

  /** Puts a letter in. Returns the one that there is no room for: the same, one that was dropped for it, or none. */
  offer(letter: Letter): Letter | undefined {
    const { capacity, whenFull } = this.#options
    if (this.#letters.length < capacity && this.#inLine === 0) {
      this.#letters.append(letter)
      return undefined
    }
    if (whenFull === "drop oldest") {
      const oldest = this.#letters.shift()
      this.#letters.append(letter)
      return oldest
    }
    if (whenFull === "suspend") {
      this.#line ??= new Chain()
      this.#line.append(letter)
    }
    return letter
  }

  /** The next letter. */
  take(): Letter | undefined {
    const letter = this.#letters.shift()
    if (this.#line !== undefined) this.#admit()
    return letter
  }

  /** Whether its sender still waits for room. */
  isInLine(letter: Letter): boolean {
    return this.#line !== undefined && letter.chain === this.#line
  }

  /** Takes back a letter that nobody has taken yet. */
  remove(letter: Letter): void {
    letter.unlink()
    if (this.#line !== undefined) this.#admit()
  }

  /** Takes out every letter that `wanted` says yes to. */
  takeWhere(wanted: (letter: Letter) => boolean): ReadonlyArray<Letter> {
    const taken = [...lettersOf(this.#letters), ...lettersOf(this.#line)].filter(wanted)
    for (const letter of taken) letter.unlink()
    if (this.#line !== undefined) this.#admit()
    return taken
  }

  get #inLine(): number {
    return this.#line?.length ?? 0
  }

  /** Lets senders in when half of the letters are gone, so that they and the reader take turns in batches. */
  #admit(): void {
    if (this.#letters.length > this.#options.capacity / 2) return
    while (this.#letters.length < this.#options.capacity) {
      const letter = this.#line?.shift()
      if (letter === undefined) return
      this.#letters.append(letter)
      // Told once: from here on nobody waits for its way in.
      const { admitted } = letter
      letter.admitted = undefined
      admitted?.()
    }
  }
}

const lettersOf = (chain: Chain<Letter> | undefined): ReadonlyArray<Letter> => {
  const letters: Array<Letter> = []
  // Only letters are ever appended to these chains.
  for (let link: Link | undefined = chain?.first; link !== undefined; link = link.next) letters.push(link as Letter)
  return letters
}
