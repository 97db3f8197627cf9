import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import type { ProviderRequest } from "../../../src/providers/Provider.ts"
import { type RequestOptions, toParams } from "../../../src/providers/anthropic/AnthropicRequestCodec.ts"

const hi: ProviderRequest = {
  model: "m",
  prompt: Prompt.make([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hi" }
  ]),
  tools: [Tool.make("one"), Tool.make("two")],
  maxTokens: 10
}
const system = { role: "system", content: "Be brief." } as const
const saying = (messages: ReadonlyArray<Prompt.MessageEncoded>, options?: RequestOptions) =>
  toParams({ ...hi, prompt: Prompt.make([system, ...messages]) }, options)

const call = (id: string) => ({ type: "tool-call", id, name: "one", params: {} }) as const
const result = (id: string) => ({ type: "tool-result", id, name: "one", isFailure: false, result: id }) as const
const thinking = { type: "reasoning", text: "hm", options: { anthropic: { signature: "sig" } } } as const

/** Every place in a request, in the order in which the cache reads it: what is there, and whether a breakpoint is. */
const places = ({ messages, system: said, tools }: ReturnType<typeof toParams>) => {
  const blocks = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content))
  const all = [...(tools ?? []), ...(typeof said === "string" ? [] : (said ?? [])), ...blocks]
  return all.map((one): { readonly what: string; readonly mark: unknown } => ({
    what: JSON.stringify({ ...one, cache_control: undefined }),
    mark: "cache_control" in one ? one.cache_control : undefined
  }))
}
const marked = (request: ReturnType<typeof toParams>) =>
  places(request).flatMap(({ mark, what }) => (mark === undefined ? [] : [what]))

describe("PromptCache", () => {
  it("has the tools, the instructions and the message remembered for as long as is wanted", () => {
    const marks = (caching: RequestOptions["caching"]) =>
      places(toParams(hi, caching === undefined ? {} : { caching })).map(({ mark }) => mark)
    const short = { type: "ephemeral" }
    const long = { type: "ephemeral", ttl: "1h" }
    assert.deepStrictEqual(marks(undefined), [undefined, short, short, short])
    assert.deepStrictEqual(marks("5 minutes"), [undefined, short, short, short])
    assert.deepStrictEqual(marks("1 hour"), [undefined, long, long, long])
    assert.deepStrictEqual(marks("off"), [undefined, undefined, undefined, undefined])
  })

  it("marks no tool that is only found by searching for it", () => {
    const deferred = { type: "web_search_20260318", name: "web_search", defer_loading: true }
    const only = toParams({ ...hi, tools: [], providerTools: [deferred] })
    assert.deepStrictEqual(only.tools as unknown, [deferred])
  })

  it("remembers where the request before this one ended, however many blocks were added since", () => {
    const ids = Array.from({ length: 15 }, (_, index) => `call_${index}`)
    const first = [{ role: "user", content: "go" } as const]
    const second = [
      ...first,
      { role: "assistant", content: [thinking, ...ids.map(call)] } as const,
      { role: "tool", content: ids.map(result) } as const
    ]
    const third = [
      ...second,
      { role: "assistant", content: "done" } as const,
      { role: "user", content: "more" } as const
    ]
    const [one, two, three] = [first, second, third].map((messages) => marked(saying(messages)))
    assert.strictEqual(two?.at(-2), one?.at(-1))
    assert.strictEqual(three?.at(-2), two?.at(-1))
    assert.include(two?.at(-1), "call_14")
  })

  it("remembers a paused turn, and never marks thinking", () => {
    const go = { role: "user", content: "go" } as const
    const paused = saying([go, { role: "assistant", content: [{ type: "text", text: "Well." }, thinking] }])
    assert.strictEqual(marked(paused).at(-1), '{"type":"text","text":"Well."}')
    const silent = saying([go, { role: "assistant", content: [thinking] }])
    assert.strictEqual(marked(silent).at(-1), '{"type":"text","text":"go"}')
  })

  const Step = Schema.Literals(["person", "answer", "calls", "thought", "blank"])
  const messageOf = (step: typeof Step.Type, at: number): ReadonlyArray<Prompt.MessageEncoded> => {
    switch (step) {
      case "person":
        return [{ role: "user", content: `say ${at}` }]
      case "answer":
        return [{ role: "assistant", content: `answer ${at}` }]
      case "thought":
        return [{ role: "assistant", content: [thinking] }]
      case "blank":
        return [{ role: "user", content: " " }]
      case "calls":
        return [
          { role: "assistant", content: [thinking, call(`${at}a`), call(`${at}b`)] },
          { role: "tool", content: [result(`${at}a`), result(`${at}b`)] }
        ]
    }
  }

  it.prop("changes nothing but up to four marks, one of them at the end", [Schema.Array(Step)], ([steps]) => {
    const messages = steps.flatMap(messageOf)
    const request = saying(messages)
    const plain = saying(messages, { caching: "off" })
    assert.deepStrictEqual(
      places(request).map(({ what }) => what),
      places(plain).map(({ what }) => what)
    )
    assert.isAtMost(marked(request).length, 4)
    const markable = places(request).filter(({ what }) => !what.includes('"thinking"'))
    const last = steps.at(-1)
    const ends = last === "person" || last === "answer" || last === "calls"
    if (ends) assert.deepStrictEqual(markable.at(-1)?.mark, { type: "ephemeral" })
    for (const { mark, what } of places(request)) if (what.includes('"thinking"')) assert.isUndefined(mark)
  })
})
