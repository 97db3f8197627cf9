/**
 * What a call takes from the limits of its key: guessed before it is sent, counted after it.
 *
 * A guess is made of characters, as asking the vendor would be a call of its own. Messages are measured once, however
 * many requests they are part of.
 */
import * as Tool from "effect/ai/Tool"
import type { Prompt } from "effect/ai"
import { bytesIn, tokensOf } from "../domain/Attachment.ts"
import type { ProviderPart, ProviderRequest } from "./Provider.ts"
import type { Cost } from "./RateLimitState.ts"

/** English text has four to five characters to a token, code and JSON about three: rather too many than too few. */
const charactersPerToken = 3.5

/** About how many tokens the model takes in with this request. */
const inputOf = ({ prompt, tools }: ProviderRequest): number => {
  let characters = sizeOf(toolSizes, tools, sizeOfTools)
  for (const message of prompt.content) characters += sizeOf(messageSizes, message, sizeOfMessage)
  return tokens(characters)
}

/** The most a call may take: that the reply is as long as it may be. */
export const estimate = (request: ProviderRequest): Cost => ({
  requests: 1,
  inputTokens: inputOf(request),
  outputTokens: request.maxTokens
})

/** Counts what comes of a call. */
export interface Meter {
  hear(parts: ReadonlyArray<ProviderPart>): void
  /** What the call has taken so far: as the vendor counts once it has, else as far as anything was heard of it. */
  readonly used: Cost
}

/**
 * `cacheIsFree`: whether what the vendor reads from its prompt cache counts as input. Once anything of a reply was heard
 * the whole input is spent; a call of which nothing was heard has cost a request and no more.
 */
export const meter = (reserved: Cost, cacheIsFree: boolean): Meter => {
  let used: Cost = { requests: 1, inputTokens: 0, outputTokens: 0 }
  let characters = 0
  return {
    hear: (parts) => {
      for (const part of parts) {
        if (part.type === "finish") {
          const { inputTokens, outputTokens } = part.usage
          const total = inputTokens.total ?? reserved.inputTokens
          const input = cacheIsFree ? total - (inputTokens.cacheRead ?? 0) : total
          used = {
            requests: 1,
            inputTokens: Math.max(0, input),
            outputTokens: outputTokens.total ?? tokens(characters)
          }
          return
        }
        if ("delta" in part) characters += part.delta.length
      }
      used = { requests: 1, inputTokens: reserved.inputTokens, outputTokens: tokens(characters) }
    },
    get used() {
      return used
    }
  }
}

const tokens = (characters: number): number => Math.ceil(characters / charactersPerToken)

const messageSizes = new WeakMap<Prompt.Message, number>()
const toolSizes = new WeakMap<ReadonlyArray<Tool.Any>, number>()

const sizeOf = <K extends WeakKey>(known: WeakMap<K, number>, key: K, measure: (key: K) => number): number => {
  const size = known.get(key) ?? measure(key)
  known.set(key, size)
  return size
}

const sizeOfTools = (tools: ReadonlyArray<Tool.Any>): number =>
  tools.reduce(
    (size, tool) =>
      size + tool.name.length + (Tool.getDescription(tool) ?? "").length + lengthOf(Tool.getJsonSchema(tool)),
    0
  )

const sizeOfMessage = (message: Prompt.Message): number =>
  typeof message.content === "string"
    ? message.content.length
    : message.content.reduce((size: number, part: Prompt.Part) => size + sizeOfPart(part), 0)

const sizeOfPart = (part: Prompt.Part): number => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.text.length
    case "file":
      return (
        tokensOf({ mediaType: part.mediaType, bytes: bytesIn(part.options) ?? bytesOf(part.data) }) * charactersPerToken
      )
    case "tool-call":
      return part.name.length + lengthOf(part.params)
    case "tool-result":
      return lengthOf(part.result)
    default:
      return 0
  }
}

/** Base64 has four characters for three bytes; how long a linked file is, nobody has looked. */
const bytesOf = (data: Prompt.FilePart["data"]): number => {
  if (data instanceof URL) return 0
  return typeof data === "string" ? (data.length * 3) / 4 : data.length
}

const lengthOf = (value: unknown): number => (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).length
