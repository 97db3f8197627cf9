/** The schemas are those of the clients that are installed, and their faults name the place. */
import { VERSION as anthropicVersion } from "@anthropic-ai/sdk/version"
import { assert, describe, it } from "@effect/vitest"
import { VERSION as openAiVersion } from "openai/version"
import { schemaFaults, schemaOf, type Vendor } from "./MessagesSchema.ts"

const clients: ReadonlyArray<readonly [Vendor, string]> = [
  ["anthropic", `@anthropic-ai/sdk ${anthropicVersion}`],
  ["openai", `openai ${openAiVersion}`]
]

const said = { model: "gpt-test", stream: true, max_tokens: 10 }
const openai = (body: object): string => schemaFaults("openai", "CreateCompletion", { ...said, ...body }).join("; ")
const user = (content: unknown) => ({ messages: [{ role: "user", content }] })

describe("The schemas of requests", () => {
  for (const [vendor, client] of clients) {
    it(`are made from ${client}, which is installed: run \`npm run schemas\` otherwise`, () => {
      assert.strictEqual(schemaOf(vendor).$comment, client)
    })
  }

  it("accept what the types allow", () => {
    assert.strictEqual(openai(user("hi")), "")
    assert.strictEqual(openai(user([{ type: "image_url", image_url: { url: "https://example.com/a.png" } }])), "")
    assert.strictEqual(openai({ ...user("hi"), stream_options: { include_usage: true }, reasoning_effort: "low" }), "")
  })

  const refused: ReadonlyArray<readonly [string, object, RegExp]> = [
    ["a parameter nobody knows", { ...user("hi"), temprature: 1 }, /^the body: .*: temprature$/],
    ["a part of no known type", user([{ type: "imag" }]), /^messages\.0\.content\.0: /],
    [
      "a field of a part that does not exist",
      user([{ type: "text", text: "hi", colour: 1 }]),
      /content\.0: .*: colour$/
    ],
    ["a role nobody has", { messages: [{ role: "robot", content: "hi" }] }, /^messages\.0: /],
    ["a request that is not streamed", { ...user("hi"), stream: false }, /^stream: /],
    [
      "a call without its name",
      { messages: [{ role: "assistant", tool_calls: [{ type: "function", id: "a" }] }] },
      /0: /
    ]
  ]
  for (const [name, body, expected] of refused) it(`refuse ${name}`, () => assert.match(openai(body), expected))
})
