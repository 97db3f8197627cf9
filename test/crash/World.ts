/** A world in which services are struck: a model, and the configuration of tenants whose agents differ in their ways. */
import { Effect } from "effect"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import * as Model from "./Model.ts"

const agentYaml = (ways: string) => `model: anthropic/claude-test
instructions: You are under test.
tools: [${EffectClass.literals.join(", ")}]
${ways}
`

const agents: Readonly<Record<string, string>> = {
  main: "approvals: { dangerous: allow }",
  asking: "approvals: { dangerous: ask, patience: 1 hour }",
  hasty: "approvals: { dangerous: ask, patience: 1 millis }",
  rude: "midTurn: interrupt",
  patient: "midTurn: queue",
  forgetful: "maxTokens: 100\ncontext: { window: 4000, compactAt: 0.5, keepTurns: 0 }"
}

const tenantYaml = (url: string) => `name: Struck
providers:
  anthropic: { kind: anthropic, apiKey: sk-test, baseUrl: "${url}", retry: { attempts: 1 } }
`

/** The configuration files of these tenants, which all look alike. */
const filesOf = (url: string, tenants: ReadonlyArray<string>): Readonly<Record<string, string>> => ({
  "fiberclaw.yaml": "drain: 1 hour\n",
  ...Object.fromEntries(
    tenants.flatMap((tenant) => [
      [`tenants/${tenant}/tenant.yaml`, tenantYaml(url)],
      ...Object.entries(agents).map(([agent, ways]) => [`tenants/${tenant}/agents/${agent}.yaml`, agentYaml(ways)])
    ])
  )
})

export const make = Effect.fnUntraced(function* (tenants: ReadonlyArray<string> = ["default"]) {
  const model = yield* Model.make
  return { model, files: filesOf(model.server.url, tenants) }
})
