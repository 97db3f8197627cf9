import { Redacted } from "effect"
import * as OpenAiProvider from "../../../src/providers/openai/OpenAiProvider.ts"
import { type Dialect, providerContract, type Refusal } from "../../contracts/ProviderContract.ts"
import * as Server from "../../support/OpenAiServer.ts"

const refusals: Readonly<Record<Refusal, readonly [status: number, type: string, code?: string]>> = {
  authentication: [401, "invalid_request_error", "invalid_api_key"],
  billing: [429, "insufficient_quota", "insufficient_quota"],
  permission: [403, "invalid_request_error"],
  not_found: [404, "invalid_request_error", "model_not_found"],
  invalid_request: [400, "invalid_request_error"],
  too_large: [413, "invalid_request_error"],
  context_overflow: [400, "invalid_request_error", "context_length_exceeded"],
  rate_limited: [429, "tokens", "rate_limit_exceeded"],
  overloaded: [503, "server_error"],
  timeout: [504, "server_error"],
  unavailable: [500, "server_error"]
}

const dialect: Dialect = {
  name: "openai",
  provider: ({ baseUrl, key, retry }) =>
    OpenAiProvider.make({ name: "gpt", apiKey: Redacted.make(key), baseUrl: `${baseUrl}/v1`, retry }),
  server: Server.make,
  whole: ({ thinking, ...said }) =>
    Server.events(Server.reply(thinking === undefined ? said : { ...said, reasoning: thinking })),
  beginning: (word) => Server.events(Server.reply({ text: word }).slice(0, 2)),
  broken: (word) =>
    Server.events([
      ...Server.reply({ text: word }).slice(0, 2),
      { error: { message: "Internal server error", type: "server_error", code: null } }
    ]),
  malformed: Server.events([`{"choices":`]),
  refusal: (reason, message, headers) => {
    const [status, type, code = null] = refusals[reason]
    return Server.failure(status, { message, type, code }, headers)
  }
}

providerContract(dialect)
