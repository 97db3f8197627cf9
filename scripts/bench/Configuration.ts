/** A configuration without limits that a benchmark would run into, with one agent for each model. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Writes it below `folder` and says where. The agent `demo` asks nobody, `claude` the model at `modelUrl`. */
export const write = (folder: string, modelUrl = "http://127.0.0.1:9"): string => {
  const config = join(folder, "config")
  const agents = join(config, "tenants/default/agents")
  mkdirSync(agents, { recursive: true })
  writeFileSync(join(config, "fiberclaw.yaml"), "drain: 1 second\n")
  writeFileSync(join(config, "tenants/default/tenant.yaml"), tenant(modelUrl))
  writeFileSync(join(agents, "demo.yaml"), "model: demo/demo\ninstructions: Answer.\n")
  writeFileSync(join(agents, "claude.yaml"), "model: anthropic/bench\ninstructions: Answer.\n")
  return config
}

const tenant = (modelUrl: string) => `name: Bench
limits: { sessions: 10000000, concurrentTurns: 64, tokensPerDay: 1000000000000, costPerDayUsd: 1000000 }
providers:
  demo: { kind: scripted }
  anthropic: { kind: anthropic, apiKey: bench, baseUrl: "${modelUrl}" }
`
