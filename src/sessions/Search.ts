/**
 * What a search looks at and how well it fits: the rules that every store follows.
 *
 * Words are compared without case and accents; what is written without spaces is compared letter by letter. A text fits
 * when it holds every word, and the better, the more often it does for its length.
 */
import type { SessionId } from "../domain/Ids.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import { type NewSessionEvent, type SessionEvent, textOf } from "../domain/SessionEvent.ts"
import type { SearchHit } from "./SessionQuery.ts"

/** How much of what one event says is searched, in characters, and how much of one word. */
const [textLimit, wordLimit] = [200_000, 64]

/** What an event says, by a person, a model or a tool, so far as it is searched; empty for all others. */
export const saidIn = (event: NewSessionEvent): string => wholeText(event).slice(0, textLimit)

const wholeText = (event: NewSessionEvent): string => {
  switch (event.type) {
    case "MessageAccepted":
      return [...(event.preceding ?? []), event].flatMap(namesAndText).join("\n")
    case "ModelReplied":
    case "ReplyCut":
      return textOf(event)
    case "ToolReturned":
      return event.output
    default:
      return ""
  }
}

const namesAndText = ({ files = [], text }: Pick<PriorMessage, "files" | "text">): ReadonlyArray<string> => [
  ...files.flatMap((file) => ("name" in file && file.name !== undefined ? [file.name] : [])),
  text
]

/** The types of events that say something. */
export const saying = ["MessageAccepted", "ModelReplied", "ReplyCut", "ToolReturned"] as const

const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[[\p{L}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]][[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]]*/gv

const folded = (text: string): string =>
  text.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase().slice(0, wordLimit).toWellFormed()

/** The words of a text as they are compared. */
export const wordsOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(word), ([found]) => folded(found))

/** A hit and how well it fits; more is better. */
export interface Scored {
  readonly score: number
  readonly hit: SearchHit
}

/** The hit that an event is for these words, which are as `wordsOf` gives them: none unless it holds them all. */
export const hitOf = (session: SessionId, event: SessionEvent, words: ReadonlySet<string>): ReadonlyArray<Scored> => {
  const text = saidIn(event)
  const found = match(words, text)
  if (found === undefined) return []
  const { at, seq, type } = event
  return [{ score: found.score, hit: { session, seq, at, type, excerpt: excerptAt(text, found.index) } }]
}

/** The order of hits: what fits best, and among equals what was said last. */
export const bestFirst = (a: Scored, b: Scored): number =>
  b.score - a.score || (a.hit.at < b.hit.at ? 1 : a.hit.at > b.hit.at ? -1 : b.hit.seq - a.hit.seq)

/** How often a word counts at most, and for how much a text's length: the usual parameters of BM25. */
const [saturation, lengthWeight] = [1.2, 0.75]

/** A text of so many words is neither long nor short. */
const usualLength = 100

/** How well a text fits, and where the first of the words is. */
const match = (words: ReadonlySet<string>, text: string) => {
  const counts = new Map<string, number>()
  let first: number | undefined
  let length = 0
  for (const found of text.matchAll(word)) {
    length++
    const key = folded(found[0])
    if (!words.has(key)) continue
    first ??= found.index
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  if (first === undefined || counts.size < words.size) return undefined
  const penalty = saturation * (1 - lengthWeight + (lengthWeight * length) / usualLength)
  let score = 0
  for (const count of counts.values()) score += count / (count + penalty)
  return { score, index: first }
}

/** How many characters an excerpt has before and after the place it is about. */
const [lead, rest] = [60, 140]

const excerptAt = (text: string, index: number): string => {
  const start = Math.max(0, index - lead)
  const end = Math.min(text.length, index + rest)
  const cut = text.slice(start, end).replaceAll(/\s+/g, " ").trim().toWellFormed()
  return `${start > 0 ? "…" : ""}${cut}${end < text.length ? "…" : ""}`
}
