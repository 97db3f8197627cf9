/**
 * Keeps the head and the tail of a stream of bytes in a fixed amount of memory, however long the stream is, and
 * counts what it dropped between them. The text is UTF-8; invalid bytes become U+FFFD, and a character is neither
 * broken by the border between two chunks nor by the cut.
 */
import { leftOut } from "../Excerpt.ts"

const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80

const sequenceLength = (lead: number) => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1)

/** The bytes without a character whose end is missing. */
const withWholeEnd = (bytes: Buffer): Buffer => {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back]
    if (byte === undefined || isContinuation(byte)) continue
    return sequenceLength(byte) > back ? bytes.subarray(0, bytes.length - back) : bytes
  }
  return bytes
}

/** The bytes without a character whose beginning is missing. */
const withWholeStart = (bytes: Buffer): Buffer => {
  let start = 0
  while (start < 3 && isContinuation(bytes[start])) start++
  return bytes.subarray(start)
}

export class OutputCapture {
  readonly #head: Buffer
  readonly #tail: Buffer
  #total = 0

  /** Sizes in bytes. */
  constructor(headSize: number, tailSize: number) {
    this.#head = Buffer.alloc(headSize)
    this.#tail = Buffer.alloc(tailSize)
  }

  add(chunk: Buffer): void {
    const intoHead = chunk.copy(this.#head, Math.min(this.#total, this.#head.length))
    const rest = chunk.subarray(intoHead)
    const kept = rest.subarray(Math.max(0, rest.length - this.#tail.length))
    const at = (this.#total + chunk.length - kept.length - this.#head.length) % this.#tail.length
    if (kept.length > 0) {
      const untilEnd = kept.copy(this.#tail, at)
      kept.copy(this.#tail, 0, untilEnd)
    }
    this.#total += chunk.length
  }

  /** All of the output, or its head and tail around a line that counts the bytes left out. */
  get text(): string {
    const head = this.#head.subarray(0, this.#total)
    const beyond = Math.max(0, this.#total - head.length)
    if (beyond <= this.#tail.length) return Buffer.concat([head, this.#tail.subarray(0, beyond)]).toString("utf8")
    const oldest = beyond % this.#tail.length
    const tail = Buffer.concat([this.#tail.subarray(oldest), this.#tail.subarray(0, oldest)])
    const first = withWholeEnd(head)
    const last = withWholeStart(tail)
    const marker = leftOut(this.#total - first.length - last.length, "bytes")
    return `${first.toString("utf8")}\n${marker}\n${last.toString("utf8")}`
  }
}
