/**
 * A doubly linked list whose links are the things themselves: appending, taking the first and removing from the
 * middle cost the same at any length, and an empty chain holds on to nothing.
 */

/** Something that is in at most one chain at a time. */
export abstract class Link {
  chain: Chain<Link> | undefined = undefined
  previous: Link | undefined = undefined
  next: Link | undefined = undefined

  /** Leaves the chain it is in, if it is in one. */
  unlink(): void {
    this.chain?.remove(this)
  }
}

export class Chain<out A extends Link> {
  #first: Link | undefined = undefined
  #last: Link | undefined = undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  get first(): A | undefined {
    // Only links of this type were appended.
    return this.#first as A | undefined
  }

  append(link: Link): void {
    link.chain = this
    link.previous = this.#last
    if (this.#last === undefined) this.#first = link
    else this.#last.next = link
    this.#last = link
    this.#length++
  }

  /** Takes the link out; whether it was in this chain. */
  remove(link: Link): boolean {
    if (link.chain !== this) return false
    if (link.previous === undefined) this.#first = link.next
    else link.previous.next = link.next
    if (link.next === undefined) this.#last = link.previous
    else link.next.previous = link.previous
    link.chain = undefined
    link.previous = undefined
    link.next = undefined
    this.#length--
    return true
  }

  shift(): A | undefined {
    const { first } = this
    if (first !== undefined) this.remove(first)
    return first
  }
}
