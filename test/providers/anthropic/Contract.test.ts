import { Redacted } from "effect"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import { type Dialect, providerContract, type Refusal } from "../../contracts/ProviderContract.ts"
import * as Server from "../../support/AnthropicServer.ts"

const refusals: Readonly<Record<Refusal, readonly [status: number, type: string, prefix?: string]>> = {
  authentication: [401, "authentication_error"],
  billing: [402, "billing_error"],
  permission: [403, "permission_error"],
  not_found: [404, "not_found_error"],
  invalid_request: [400, "invalid_request_error"],
  too_large: [413, "request_too_large"],
  context_overflow: [400, "invalid_request_error", "prompt is too long: "],
  rate_limited: [429, "rate_limit_error"],
  overloaded: [529, "overloaded_error"],
  timeout: [504, "timeout_error"],
  unavailable: [500, "api_error"]
}

const dialect: Dialect = {
  name: "anthropic",
  provider: ({ baseUrl, key, retry }) =>
    AnthropicProvider.make({ name: "claude", apiKey: Redacted.make(key), baseUrl, retry }),
  server: (answers) => Server.make(answers),
  whole: ({ thinking, ...said }) =>
    Server.events(
      Server.reply(thinking === undefined ? said : { ...said, thinking: { text: thinking, signature: "sig" } })
    ),
  beginning: (word) => Server.events(Server.reply({ text: word }).slice(0, 3)),
  broken: (word) =>
    Server.events([
      ...Server.reply({ text: word }).slice(0, 3),
      { type: "error", error: { type: "api_error", message: "Internal server error" } }
    ]),
  malformed: Server.stream(`event: message_start\ndata: {"type":\n\n`),
  refusal: (reason, sentence, headers) => {
    const [status, type, prefix = ""] = refusals[reason]
    return Server.failure(status, type, `${prefix}${sentence}`, headers)
  }
}

providerContract(dialect)
