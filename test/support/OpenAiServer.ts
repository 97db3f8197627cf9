/**
 * A stand-in for a server of chat completions: AnthropicServer's sockets and faults, with answers in OpenAI's language.
 *
 * Every request is held against OpenAI's rules (the types of openai 7.57, resources/chat/completions, as a schema, and the
 * API's own refusals): the scope fails when one was broken.
 */
import { Effect, type Scope } from "effect"
import * as Server from "./AnthropicServer.ts"
import { schemaFaults } from "./MessagesSchema.ts"
import { asked, gpt, gpts, type OpenAiModel } from "./ModelsRoute.ts"

export type Json = Readonly<Record<string, unknown>>
/** One event's data; text as it is, anything else as JSON. */
export type Data = Json | string

export const done = "[DONE]"

/** A stream of these. */
export const events = (list: ReadonlyArray<Data>): Server.Answer => {
  const text = list.map((data) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`).join("")
  const whole = Server.stream(text)
  return { ...whole, headers: { ...whole.headers, "x-request-id": "req_stream" } }
}

/** A chunk with one choice. */
export const chunk = (delta: Json | null, finish: string | null = null, more: Json = {}): Json => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "gpt-test",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more
})

export const usage = (prompt: number, completion: number, more: Json = {}): Json => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "gpt-test",
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...more }
})

export interface Reply {
  readonly reasoning?: string
  readonly text?: string
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: unknown }>
  readonly finish?: string
  readonly usage?: { readonly input: number; readonly output: number }
}

const words = (text = "") => text.match(/\s*\S+\s*$|\s*\S+/g) ?? []

/** What OpenAI sends for a plain reply: the role, thinking, text, calls in pieces, the reason, the usage, the end. */
export const reply = (options: Reply): ReadonlyArray<Data> => {
  const { calls = [], reasoning, text, usage: used = { input: 10, output: 5 } } = options
  return [
    chunk({ role: "assistant", content: "" }),
    ...words(reasoning).map((word) => chunk({ reasoning_content: word })),
    ...words(text).map((word) => chunk({ content: word })),
    ...calls.flatMap(({ id, input, name }, index) => [
      chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
      ...(JSON.stringify(input).match(/.{1,7}/gs) ?? []).map((piece) =>
        chunk({ tool_calls: [{ index, function: { arguments: piece } }] })
      )
    ]),
    chunk({}, options.finish ?? (calls.length > 0 ? "tool_calls" : "stop")),
    usage(used.input, used.output),
    done
  ]
}

/** An error as OpenAI words it. */
export const failure = (
  status: number,
  error: { readonly message: string; readonly type?: string; readonly code?: string | number | null },
  headers: Readonly<Record<string, string>> = {}
) => Server.answer(status, { error: { param: null, ...error } }, { "x-request-id": "req_head", ...headers })

/** How requests to tell of models are answered: these and no others, or any answer; by default every model exists. */
export type Models = ReadonlyArray<OpenAiModel> | ((request: Server.Recorded, index: number) => Server.Answer)

const told =
  (models?: Models) =>
  (request: Server.Recorded, index: number): Server.Answer => {
    if (typeof models === "function") return models(request, index)
    const about = asked(request.method, request.path)
    if (about === undefined || about === "all") return Server.answer(200, gpts(models ?? [gpt()]))
    const found = models === undefined ? gpt(about.id) : models.find(({ id }) => id === about.id)
    const message = `The model '${about.id}' does not exist`
    return found === undefined
      ? failure(404, { message, type: "invalid_request_error", code: "model_not_found" })
      : Server.answer(200, found)
  }

/** Starts the server. A list is used up in order, then every request gets a 500 that says so. */
export const make = Effect.fnUntraced(function* (
  answers: ReadonlyArray<Server.Answer> | ((request: Server.Recorded, index: number) => Server.Answer),
  { models }: { readonly models?: Models } = {}
): Effect.fn.Return<Server.AnthropicServer, never, Scope.Scope> {
  const broken: Array<string> = []
  yield* Effect.addFinalizer(() =>
    broken.length === 0 ? Effect.void : Effect.die(new Error(`OpenAI refuses: ${broken.join("; ")}`))
  )
  const exhausted = failure(500, { message: "the test has no answer left", type: "server_error" })
  const reply = (request: Server.Recorded, index: number): Server.Answer => {
    const wrong = request.path.endsWith("/chat/completions") ? violations(request.body) : []
    broken.push(...wrong)
    if (wrong.length > 0) return failure(400, { message: wrong.join("; "), type: "invalid_request_error" })
    return typeof answers === "function" ? answers(request, index) : (answers[index] ?? exhausted)
  }
  return yield* Server.make(reply, { models: told(models) })
})

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)
const list = (value: unknown): ReadonlyArray<Json> => (Array.isArray(value) ? value.filter(isObject) : [])
const isText = (value: unknown): boolean => typeof value === "string" && value.trim() !== ""

/** Everything that is wrong with a request; empty when nothing is. */
export const violations = (body: unknown): ReadonlyArray<string> => {
  const odd = schemaFaults("openai", "CreateCompletion", body)
  if (odd.length > 0 || !isObject(body)) return odd
  const { max_completion_tokens, max_tokens, messages, model, tools } = body
  const limits = [max_tokens, max_completion_tokens].filter((limit) => limit !== undefined)
  return [
    ...(isText(model) ? [] : ["model: is empty"]),
    ...(limits.length === 1 && Number.isInteger(limits[0]) ? [] : ["max_tokens: must be there once"]),
    ...(list(messages).length > 0 ? messageFaults(list(messages)) : ["messages: there are none"]),
    ...list(tools).flatMap(toolFaults)
  ]
}

const isName = (name: unknown): boolean => typeof name === "string" && /^[\w-]{1,64}$/.test(name)

const toolFaults = ({ function: called }: Json, index: number): ReadonlyArray<string> => {
  const { name, parameters } = isObject(called) ? called : {}
  const isFine = isName(name) && isObject(parameters)
  return isFine && parameters["type"] === "object" && isObject(parameters["properties"])
    ? []
    : [`tools.${index}: is no function`]
}

const messageFaults = (messages: ReadonlyArray<Json>): ReadonlyArray<string> => {
  let open: ReadonlyArray<unknown> = []
  const faults = messages.flatMap((message, index) => {
    const { content, role, tool_call_id, tool_calls } = message
    const at = `messages.${index}`
    const found: Array<string> = []
    if (role === "tool") {
      if (!open.includes(tool_call_id)) found.push(`${at}: answers no call`)
      open = open.filter((id) => id !== tool_call_id)
      return typeof content === "string" ? found : [...found, `${at}: is no text`]
    }
    if (open.length > 0) found.push(`${at}: calls before it have no result`)
    if (role === "system" && index > 0) found.push(`${at}: a system message that is not the first`)
    const calls = list(tool_calls)
    const filled = isText(content) || list(content).length > 0
    if (!filled && (role !== "assistant" || calls.length === 0)) found.push(`${at}: is empty`)
    if (calls.some(({ id }) => typeof id !== "string" || id === "" || id.length > 40)) found.push(`${at}: an odd id`)
    if (!calls.every(({ function: called }) => isObject(called) && isName(called["name"])))
      found.push(`${at}: an odd name`)
    open = calls.map(({ id }) => id)
    return found
  })
  return open.length === 0 ? faults : [...faults, "the last calls have no result"]
}
