/** How each vendor says what the fault matrix is about, and the provider that hears it. */
import { Duration, type Effect, Redacted, type Scope } from "effect"
import type { Provider } from "../../src/providers/Provider.ts"
import * as AnthropicProvider from "../../src/providers/anthropic/AnthropicProvider.ts"
import * as OpenAiProvider from "../../src/providers/openai/OpenAiProvider.ts"
import type { Answer } from "../support/Answers.ts"
import * as Anthropic from "../support/AnthropicServer.ts"
import * as OpenAi from "../support/OpenAiServer.ts"
import type { Body, Vendor } from "./FaultMatrix.ts"

export const key = "sk-fault-secret"
/** What a whole reply says. */
export const words = "Hello there friend"

export interface Named {
  readonly type?: string | undefined
  readonly code?: string | undefined
  readonly message: string
}

export interface FaultDialect {
  readonly provider: (url: string, attempts?: number) => Effect.Effect<Provider["Service"]>
  readonly server: (answer: () => Answer) => Effect.Effect<Anthropic.AnthropicServer, never, Scope.Scope>
  readonly errorBody: (named: Named) => object
  /** The reply up to its first word. */
  readonly opening: Answer
  readonly whole: Answer
  /** What begins as a reply and goes on with an error. */
  readonly broken: (named: Named) => Answer
  /** An event that no codec can make anything of. */
  readonly misshapen: string
}

const retry = (attempts: number) => ({ attempts, base: Duration.millis(1), cap: Duration.millis(1) })

const anthropicError = ({ code, message, type }: Named) => ({
  type: "error",
  error: { type, message, ...(code === undefined ? undefined : { details: { error_code: code } }) },
  request_id: "req_body"
})

const spoken = Anthropic.reply({ text: words })

const openAiError = ({ code, message, type }: Named) => ({
  error: { message, type: type ?? null, param: null, code: code ?? null }
})

const chunks = OpenAi.reply({ text: words })

export const dialects: Readonly<Record<Vendor, FaultDialect>> = {
  anthropic: {
    provider: (baseUrl, attempts = 1) =>
      AnthropicProvider.make({ name: "claude", apiKey: Redacted.make(key), baseUrl, retry: retry(attempts) }),
    server: (answer) => Anthropic.make(answer),
    errorBody: anthropicError,
    opening: Anthropic.events(spoken.slice(0, 3)),
    whole: Anthropic.events(spoken),
    broken: (named) => Anthropic.events([...spoken.slice(0, 3), anthropicError(named)]),
    misshapen: `{"type":"content_block_start","index":0,"content_block":7}`
  },
  openai: {
    provider: (baseUrl, attempts = 1) =>
      OpenAiProvider.make({
        name: "gpt",
        apiKey: Redacted.make(key),
        baseUrl: `${baseUrl}/v1`,
        retry: retry(attempts)
      }),
    server: (answer) => OpenAi.make(answer),
    errorBody: openAiError,
    opening: OpenAi.events(chunks.slice(0, 2)),
    whole: OpenAi.events(chunks),
    broken: (named) => OpenAi.events([...chunks.slice(0, 2), openAiError(named)]),
    misshapen: `{"choices":[{"delta":7}]}`
  }
}

const page = `<!DOCTYPE html>\n<html><head><title>Oh no</title></head><body>${key}</body></html>`

/** The bytes of an error's body in such a form; the key is part of whatever it says. */
export const bodyOf = (form: Body, documented: object): string => {
  switch (form) {
    case "as documented":
      return JSON.stringify(documented)
    case "JSON of another shape":
      return JSON.stringify({ error: { message: 5, type: [key], code: {}, details: "x" }, request_id: 7 })
    case "JSON that is no object":
      return JSON.stringify([key])
    case "JSON that is cut off":
      return JSON.stringify(documented).slice(0, -5)
    case "a web page":
      return page
    case "30 kB of text":
      return `${key} and more `.repeat(1000)
    case "nothing at all":
      return ""
  }
}
