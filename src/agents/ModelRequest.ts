/** What a model is asked for an agent: its instructions, what was said, its tools; and who answers for the model. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ProviderRequest } from "../providers/Provider.ts"
import { type History, messagesOf } from "../sessions/History.ts"
import type { Resolved, ServingAgent } from "./Agents.ts"

/** Who answers for the model of a turn; for one whose provider is gone, whoever answers for the agent's own. */
export const servedBy = (agent: ServingAgent, model: string | undefined): Resolved =>
  (model === undefined ? undefined : agent.resolve(model)) ?? {
    provider: agent.provider,
    model: agent.definition.model.name
  }

/** About how many characters go along with every request, beside what was said. */
export const overheadOf = (instructions: string, tools: ReadonlyArray<Tool.Any>): number =>
  tools.reduce(
    (size, tool) =>
      size +
      tool.name.length +
      (Tool.getDescription(tool) ?? "").length +
      JSON.stringify(Tool.getJsonSchema(tool)).length,
    instructions.length
  )

/** The most messages that are decoded in one stretch, in which no other fiber gets on: some 1 ms. */
const stretch = 250

/** The request for the next step. A message is decoded once, however many requests it is part of. */
export const requestOf = Effect.fnUntraced(function* (agent: ServingAgent, model: string, history: History) {
  const { instructions, maxTokens } = agent.definition
  const messages: Array<Prompt.Message> = [Prompt.makeMessage("system", { content: instructions })]
  let fresh = 0
  for (const message of messagesOf(history)) {
    const known = decoded.get(message)
    messages.push(known ?? decodeFirst(message))
    if (known === undefined && ++fresh % stretch === 0) yield* Effect.yieldNow
  }
  const request: ProviderRequest = { model, prompt: Prompt.fromMessages(messages), tools: agent.tools, maxTokens }
  return request
})

const decodeMessage = Schema.decodeSync(Prompt.Message)

/** States share the messages of their history, so that each is decoded once and not again with every step. */
const decodeFirst = (message: Prompt.MessageEncoded): Prompt.Message => {
  const first = decodeMessage(message)
  decoded.set(message, first)
  return first
}

const decoded = new WeakMap<Prompt.MessageEncoded, Prompt.Message>()
