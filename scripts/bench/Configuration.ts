/** A configuration without limits that a benchmark would run into, with one agent for each model. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/**
 * Writes it below `folder` and says where. The agent `demo` asks nobody, `claude` the model at `modelUrl`, and so does
 * `brief`, whose window is small.
 */
export const write = (folder: string, modelUrl = "http://127.0.0.1:9", concurrentTurns = 64): string => {
  const config = join(folder, "config")
  const agents = join(config, "tenants/default/agents")
  mkdirSync(agents, { recursive: true })
  writeFileSync(join(config, "fiberclaw.yaml"), "drain: 1 second\n")
  writeFileSync(join(config, "tenants/default/tenant.yaml"), tenant(modelUrl, concurrentTurns))
  writeFileSync(join(agents, "demo.yaml"), "model: demo/demo\ninstructions: Answer.\n")
  writeFileSync(join(agents, "claude.yaml"), "model: anthropic/bench\ninstructions: Answer.\n")
  writeFileSync(join(agents, "brief.yaml"), brief)
  return config
}

const brief = `model: anthropic/bench
instructions: Answer.
maxTokens: 1000
context: { window: 20000 }
`

const tenant = (modelUrl: string, concurrentTurns: number) => `name: Bench
limits: { sessions: 10000000, concurrentTurns: ${concurrentTurns}, tokensPerDay: 1000000000000, costPerDayUsd: 1000000 }
providers:
  demo: { kind: scripted }
  anthropic: { kind: anthropic, apiKey: bench, baseUrl: "${modelUrl}" }
`
