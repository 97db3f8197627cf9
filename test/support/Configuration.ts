/** Configuration files for services under test, as text. */

export interface Agent {
  /** `demo/demo` if not given. */
  readonly model?: string
  readonly dangerous?: "ask" | "allow" | "deny"
}

export interface Setup {
  /** The API's address, for the provider `anthropic`. */
  readonly anthropic?: string
  readonly agent?: Agent
  /** How long a stop waits. */
  readonly drain?: string
  readonly concurrentTurns?: number
  /** Tenants that all look alike; `default` if not given. */
  readonly tenants?: ReadonlyArray<string>
}

/** The key that the provider `anthropic` is given. */
export const apiKey = "sk-test-0123456789"

const tenantYaml = ({ anthropic, concurrentTurns = 16 }: Setup) => `name: Tenant
limits: { concurrentTurns: ${concurrentTurns} }
providers:
  demo: { kind: scripted }
${
  anthropic === undefined
    ? ""
    : `  anthropic:
    kind: anthropic
    apiKey: ${apiKey}
    baseUrl: ${anthropic}
    retry: { attempts: 3, base: 1 millis, cap: 5 millis }
`
}`

const agentYaml = ({ agent = {}, anthropic }: Setup) => `model: ${
  agent.model ?? (anthropic === undefined ? "demo/demo" : "anthropic/claude-test")
}
instructions: You are under test.
tools: [exec]
approvals: { dangerous: ${agent.dangerous ?? "allow"}, patience: 1 hour }
`

/** The files of a configuration folder with one agent, `main`, in each tenant. */
export const filesOf = (setup: Setup): Readonly<Record<string, string>> => ({
  "fiberclaw.yaml": `drain: ${setup.drain ?? "1 hour"}\n`,
  ...Object.fromEntries(
    (setup.tenants ?? ["default"]).flatMap((tenant) => [
      [`tenants/${tenant}/tenant.yaml`, tenantYaml(setup)],
      [`tenants/${tenant}/agents/main.yaml`, agentYaml(setup)]
    ])
  )
})
