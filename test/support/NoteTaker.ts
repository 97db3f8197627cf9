/**
 * A model with a small window that counts honestly: it takes notes of what people told it to remember, refuses what is
 * more than it takes in, and answers everything else with a few words.
 */
import { Effect, Schema } from "effect"
import type { Prompt } from "effect/ai"
import { type SummaryReply, SummaryRequest, summaryMarker } from "../../src/domain/Note.ts"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { answering, counted, failing, type Reply } from "./FakeProvider.ts"

const partText = (part: Prompt.Part): string => {
  if (part.type === "text") return part.text
  return part.type === "tool-result" ? String(part.result) : JSON.stringify(part)
}

export const textOf = ({ content }: Prompt.Message): string =>
  typeof content === "string" ? content : content.map(partText).join("\n")

/** Everything a request says, instructions included. */
export const wholeOf = ({ prompt }: ProviderRequest): string => prompt.content.map(textOf).join("\n")

export const isSummary = (request: ProviderRequest): boolean => wholeOf(request).startsWith(summaryMarker)

const decodeRequest = Schema.decodeSync(Schema.fromJsonString(SummaryRequest))

/** What is to be summarised. */
export const summaryOf = ({ prompt }: ProviderRequest): SummaryRequest =>
  decodeRequest(prompt.content.slice(1).map(textOf).join())

/** One token for three characters. */
export const tokensOf = (request: ProviderRequest): number => Math.ceil(wholeOf(request).length / 3)

/** Every line of a person that begins with "Remember:", as a fact. */
export const remembered = (request: ProviderRequest): SummaryReply => ({
  add: {
    facts: summaryOf(request).transcript.flatMap(({ role, text }) =>
      role === "user" ? text.split("\n").filter((line) => line.startsWith("Remember:")) : []
    )
  }
})

export interface NoteTakerOptions {
  readonly window: number
  readonly summarise?: (request: ProviderRequest) => Reply
  readonly answer?: (request: ProviderRequest) => Reply
  readonly counts?: boolean
}

export const json = (request: ProviderRequest, reply: unknown): Reply =>
  counted(JSON.stringify(reply), tokensOf(request), 100)

export const noteTaker = ({ answer, counts = false, summarise, window }: NoteTakerOptions) =>
  answering(
    (request) => {
      const tokens = tokensOf(request)
      if (tokens > window) return failing("context_overflow")
      if (isSummary(request)) return summarise?.(request) ?? json(request, remembered(request))
      return answer?.(request) ?? counted("I have noted that, go on.", tokens, 8)
    },
    counts ? { count: (request) => Effect.succeed(tokensOf(request)) } : {}
  )
