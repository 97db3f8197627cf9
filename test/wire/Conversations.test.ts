/**
 * Conversations of every kind, put together as a session's log does: replies that were cut, paused or used up, made by this
 * vendor's models and by others. Whatever was said, neither API may have a reason to refuse the next request.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import type { Thinking } from "../../src/providers/Provider.ts"
import * as Anthropic from "../../src/providers/anthropic/AnthropicRequestCodec.ts"
import * as OpenAi from "../../src/providers/openai/OpenAiRequestCodec.ts"
import { goOn } from "../../src/sessions/TurnLog.ts"
import { violations } from "../support/MessagesRules.ts"
import * as OpenAiServer from "../support/OpenAiServer.ts"

type Message = Prompt.MessageEncoded
type Part = Prompt.AssistantMessagePartEncoded

const person = (content: string): Message => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<Part>): Message => ({ role: "assistant", content })
const text = (value: string): Part => ({ type: "text", text: value })
const kept = (anthropic: Schema.JsonObject) => ({ options: { anthropic } })

const thought: Part = { type: "reasoning", text: "hm", ...kept({ signature: "sig" }) }
const redacted: Part = { type: "reasoning", text: "", ...kept({ redactedData: "xyz" }) }
const theirs: Part = { type: "reasoning", text: "of another vendor" }
const container: Part = { type: "reasoning", text: "", ...kept({ container: "container_1" }) }

const call = (id: string, name = "exec"): Part => ({ type: "tool-call", id, name, params: {} })
const result = (id: string, name = "exec") =>
  ({ type: "tool-result", id, name, isFailure: false, result: "ok", providerExecuted: false }) as const
const search = (id: string, cut = false): Part => ({
  ...{ type: "tool-call", id, name: "web_search", params: { query: "q" }, providerExecuted: true },
  ...kept({ block: { type: "server_tool_use" }, ...(cut ? { unparsedInput: "{" } : {}) })
})
const found = (id: string): Part => ({
  ...{ type: "tool-result", id, name: "web_search", isFailure: false, result: [], providerExecuted: true },
  ...kept({ block: { type: "web_search_tool_result" } })
})

/** What one reply and what follows on it leave in a history; `at` tells ids of this vendor apart. */
const kinds = {
  answer: () => [assistant(thought, text("Yes.")), person("and?")],
  blank: () => [assistant(thought, text(" \n")), person("and?")],
  thoughtOnly: () => [assistant(thought, redacted), person("and?")],
  nothing: () => [person("and?")],
  cut: () => [assistant(text("Once upon ")), person(goOn)],
  usedUp: (at) => [assistant(thought, text("So"), search(`srv_${at}`, true), thought), person(goOn)],
  calls: (at) => [
    assistant(thought, text("Let me."), call(`a_${at}`), call(`b_${at}`)),
    { role: "tool", content: [result(`a_${at}`), result(`b_${at}`)] }
  ],
  steered: (at) => [
    assistant(thought, call(`a_${at}`)),
    { role: "tool", content: [result(`a_${at}`)] },
    person("hurry")
  ],
  searched: (at) => [
    assistant(thought, search(`srv_${at}`), found(`srv_${at}`), container, text("It says so.")),
    person("and?")
  ],
  paused: (at) => [
    assistant(thought, search(`srv_${at}`)),
    assistant(found(`srv_${at}`), thought, call(`a_${at}`)),
    { role: "tool", content: [result(`a_${at}`)] }
  ],
  pausedCut: (at) => [assistant(thought, search(`srv_${at}`)), assistant(text("It says ")), person(goOn)],
  searching: (at) => [
    assistant(thought, search(`srv_${at}`), call(`a_${at}`)),
    { role: "tool", content: [result(`a_${at}`)] },
    assistant(found(`srv_${at}`), text("Found.")),
    person("and?")
  ],
  brokenOff: (at) => [assistant(thought, search(`srv_${at}`)), person("stop")],
  others: () => [
    assistant(theirs, call("functions.exec:0", "functions.exec")),
    { role: "tool", content: [result("functions.exec:0", "functions.exec")] }
  ],
  othersAnswer: () => [assistant(theirs, text("No.")), person("and?")]
} satisfies Record<string, (at: number) => ReadonlyArray<Message>>

const names = Object.keys(kinds) as ReadonlyArray<keyof typeof kinds>
const modes: ReadonlyArray<Thinking | undefined> = [undefined, "adaptive", "off", { budget: 1024 }]

describe("A conversation", () => {
  it.prop(
    "is one that both APIs take, whoever answered and however it went",
    [Schema.Array(Schema.Literals(names))],
    ([steps]) => {
      const said: ReadonlyArray<Message> = steps.flatMap((step, at): ReadonlyArray<Message> => kinds[step](at))
      const prompt = Prompt.make([{ role: "system", content: "Be brief." }, person("go"), ...said])
      for (const thinking of modes) {
        const how = thinking === undefined ? {} : { thinking }
        const request = { model: "m", prompt, tools: [Tool.make("exec")], maxTokens: 4096, ...how }
        assert.deepStrictEqual(violations(Anthropic.toParams(request)), [], steps.join(", "))
        const params = OpenAi.toParams(request, OpenAi.dialectOf("http://127.0.0.1/v1"))
        assert.deepStrictEqual(OpenAiServer.violations(JSON.parse(JSON.stringify(params))), [], steps.join(", "))
      }
    },
    { arbitrary: { runs: 200 } }
  )
})
