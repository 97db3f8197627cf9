/** What of a long output reaches the model: its head and its tail, and how much is missing between them. */

const grouped = new Intl.NumberFormat("en-US")

/** The line that stands for what was dropped. */
export const leftOut = (count: number, unit: "characters" | "bytes"): string =>
  `[… ${grouped.format(count)} ${unit} left out …]`

const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff
const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff

const splitsPair = (text: string, at: number) =>
  at > 0 && isHighSurrogate(text.charCodeAt(at - 1)) && isLowSurrogate(text.charCodeAt(at))

/**
 * The text unchanged, or, beyond `limit` UTF-16 code units, its head and tail of half the limit each around a line
 * that counts what is missing. Never splits a surrogate pair.
 */
export const cutMiddle = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  const headEnd = splitsPair(text, half) ? half - 1 : half
  const tailAt = text.length - half
  const tailStart = splitsPair(text, tailAt) ? tailAt + 1 : tailAt
  const marker = leftOut(tailStart - headEnd, "characters")
  return `${text.slice(0, headEnd)}\n${marker}\n${text.slice(tailStart)}`
}

/** Well-formed Unicode without NUL, which every store and every wire format can carry. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd")
