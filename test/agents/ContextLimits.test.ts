import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { contextFor } from "../../src/agents/ContextLimits.ts"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import type { ModelLimits } from "../../src/providers/Provider.ts"

const decode = Schema.decodeUnknownSync(AgentConfig)
const limitsOf = (own: object, ...models: ReadonlyArray<ModelLimits>) => {
  const definition = decode({ model: "a/b", instructions: "x", ...own })
  const { maxTokens, window } = contextFor(definition, models, { overhead: 1, counts: false })
  return { window, maxTokens }
}

const large = { maxInputTokens: 1_000_000, maxOutputTokens: 128_000 }
const small = { maxInputTokens: 32_768, maxOutputTokens: 2048 }

describe("the context of an agent", () => {
  const cases: ReadonlyArray<readonly [string, ReturnType<typeof limitsOf>, window: number, maxTokens: number]> = [
    ["is guessed where nobody says", limitsOf({}, {}), 200_000, 4096],
    ["is the model's", limitsOf({}, large), 1_000_000, 4096],
    ["is what the file says, whatever the model takes in", limitsOf({ context: { window: 9000 } }, large), 9000, 4096],
    ["fits all who may be asked", limitsOf({}, large, small), 32_768, 2048],
    ["counts who is known alone", limitsOf({}, {}, small), 32_768, 2048],
    ["has no longer replies than the model gives", limitsOf({ maxTokens: 200_000 }, large), 1_000_000, 128_000],
    ["leaves half of a small window to what is said", limitsOf({}, { maxInputTokens: 4096 }), 4096, 2048]
  ]
  for (const [name, limits, window, maxTokens] of cases) {
    it(name, () => assert.deepStrictEqual(limits, { window, maxTokens }))
  }

  it("keeps what the file and the agent's surroundings say otherwise", () => {
    const definition = decode({ model: "a/b", instructions: "x", context: { compactAt: 0.5, keepTurns: 9 } })
    const context = contextFor(definition, [{}], { overhead: 7, counts: true })
    assert.deepInclude(context, { compactAt: 0.5, keepTurns: 9, overhead: 7, counts: true })
  })
})
