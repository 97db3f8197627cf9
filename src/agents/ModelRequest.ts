/** What a model is asked for an agent: its instructions, what was said, its tools; and who answers for the model. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type * as Arr from "effect/Array"
import { nameOf, type Question, type Target } from "../providers/ModelCall.ts"
import { filled } from "../sessions/FileParts.ts"
import { messagesOf } from "../sessions/History.ts"
import type { ServingAgent } from "./Agents.ts"
import type { Session } from "./Session.ts"

/** Who answers for the model of a turn; for one whose provider is gone, whoever answers for the agent's own. */
export const servedBy = ({ definition, provider, resolve }: ServingAgent, model: string | undefined): Target => {
  const own = definition.model
  const found = model === undefined ? undefined : resolve(model)
  return found ?? resolve(`${own.provider}/${own.name}`) ?? { provider, model: own.name }
}

/** Who answers for the model of a turn, and who stands in for it, in the order of the agent's file. */
export const targetsOf = (agent: ServingAgent, model: string | undefined): Arr.NonEmptyReadonlyArray<Target> => {
  const first = servedBy(agent, model)
  const named = new Map([[nameOf(first), first]])
  for (const { name, provider } of agent.definition.fallbacks) {
    const target = agent.resolve(`${provider}/${name}`)
    if (target !== undefined && !named.has(nameOf(target))) named.set(nameOf(target), target)
  }
  const [, ...others] = named.values()
  return [first, ...others]
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
export const requestOf = Effect.fnUntraced(function* (agent: ServingAgent, session: Session) {
  const { history, lastReply } = session.state()
  const { effort, instructions, maxTokens, providerTools, thinking } = agent.definition
  const messages: Array<Prompt.Message> = [Prompt.makeMessage("system", { content: instructions })]
  let fresh = 0
  for (const message of messagesOf(history)) {
    const known = decoded.get(message)
    messages.push(known ?? decodeFirst(message))
    if (known === undefined && ++fresh % stretch === 0) yield* Effect.yieldNow
  }
  const prompt = Prompt.fromMessages(messages)
  const question: Question = {
    prompt,
    whole: withFiles(session, prompt),
    tools: agent.tools,
    maxTokens,
    ...(effort === undefined ? {} : { effort }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(providerTools.length === 0 ? {} : { providerTools }),
    ...(lastReply === undefined ? {} : { previous: lastReply })
  }
  return question
})

/** The prompt with the files that are named in it. A store that cannot be read ends what serves the session, as any fault does. */
const withFiles = (session: Session, prompt: Prompt.Prompt): Effect.Effect<Prompt.Prompt> =>
  Effect.orDie(
    filled(prompt, (sha256) =>
      Effect.map(
        session.file(sha256),
        Option.map(({ data }) => data)
      )
    )
  )

const decodeMessage = Schema.decodeSync(Prompt.Message)

/** States share the messages of their history, so that each is decoded once and not again with every step. */
const decodeFirst = (message: Prompt.MessageEncoded): Prompt.Message => {
  const first = decodeMessage(message)
  decoded.set(message, first)
  return first
}

const decoded = new WeakMap<Prompt.MessageEncoded, Prompt.Message>()
