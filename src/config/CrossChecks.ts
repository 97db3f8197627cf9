/**
 * What must be true between the fields and files of a tenant: models name providers that exist and have their key,
 * channels name agents that exist, tools are known, there are not more agents than allowed, and what an
 * agent wants to put into a model's window, and into a reply, fits.
 *
 * Reads the values rather than the decoded files, so that a fault in one field hides none of these.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ConfigFault, Path } from "./Fault.ts"
import { renderPath } from "./Fault.ts"
import { faultAt, keysAt, markAt, showAt, type Source, unexpected, valueAt } from "./Source.ts"
import { didYouMean } from "./Suggestion.ts"
import { AgentConfig, defaultWindow } from "./AgentConfig.ts"
import { ProviderConfig } from "./ProviderConfig.ts"
import { LimitsConfig } from "./TenantConfig.ts"

/** What the running program has and a file may name. */
export interface Known {
  readonly tools: ReadonlyArray<string>
  /** Kinds of providers that agents can be served by. */
  readonly providerKinds: ReadonlyArray<string>
  /** Kinds of channels that can be enabled. */
  readonly channelKinds: ReadonlyArray<string>
}

export interface TenantSources {
  /** Absent when the tenant's own file cannot be read; then only what needs no tenant is checked. */
  readonly tenant: Source | undefined
  /** Every agent that has a file, even one that cannot be read. */
  readonly agentNames: ReadonlyArray<string>
  readonly agents: ReadonlyArray<Source>
}

/** Every fault between the files of one tenant. */
export const crossCheck = ({ agentNames, agents, tenant }: TenantSources, known: Known): ReadonlyArray<ConfigFault> => [
  ...agents.flatMap((agent) => [...toolFaults(agent, known), ...windowFaults(agent), ...thinkingFaults(agent)]),
  ...(tenant === undefined
    ? []
    : [
        ...tooManyAgents(tenant, agentNames),
        ...keysAt(tenant, ["channels"]).flatMap((name) => channelFaults(tenant, agentNames, known, ["channels", name])),
        ...agents.flatMap((agent) =>
          [["model"], ...indicesAt(agent, ["fallbacks"])].flatMap((path) => modelFaults(tenant, agent, known, path))
        )
      ])
]

const indicesAt = (source: Source, path: Path): ReadonlyArray<Path> => {
  const value = valueAt(source, path)
  return Array.isArray(value) ? value.map((_, index) => [...path, index]) : []
}

const textAt = (source: Source, path: Path): string | undefined => {
  const value = valueAt(source, path)
  return typeof value === "string" ? value : undefined
}

const list = (names: ReadonlyArray<string>) => (names.length === 0 ? "there is none" : `one of ${names.join(", ")}`)

const providerKindNames: ReadonlyArray<string> = ProviderConfig.members.map(
  (member) => member.fields.kind.schema.literal
)

const readLimits = Schema.decodeUnknownOption(Schema.Struct({ agents: LimitsConfig.fields.agents }))

const tooManyAgents = (tenant: Source, agentNames: ReadonlyArray<string>): ReadonlyArray<ConfigFault> => {
  const limits = readLimits(valueAt(tenant, ["limits"]) ?? {})
  const limit = Option.match(limits, { onNone: () => Infinity, onSome: ({ agents }) => agents })
  if (agentNames.length <= limit) return []
  const problem = `limits.agents: the tenant has ${agentNames.length} agents, but may have only ${limit}`
  const expected = `at least ${agentNames.length}`
  return [faultAt(tenant, ["limits", "agents"], { problem, expected, value: String(limit) })]
}

const channelFaults = (
  tenant: Source,
  agentNames: ReadonlyArray<string>,
  known: Known,
  path: Path
): ReadonlyArray<ConfigFault> => {
  const agent = textAt(tenant, [...path, "agent"])
  const faults: Array<ConfigFault> = []
  if (agent !== undefined && !agentNames.includes(agent)) {
    const expected = `an agent of this tenant (${list(agentNames)})`
    faults.push(unexpected(tenant, [...path, "agent"], expected, didYouMean(agent, agentNames)))
  }
  if (String(valueAt(tenant, [...path, "enabled"]) ?? true) !== "true") return faults
  const kind = textAt(tenant, [...path, "kind"])
  if (kind === "discord" && !known.channelKinds.includes(kind)) faults.push(noSuchChannel(tenant, path, kind))
  const token = valueAt(tenant, [...path, "token"])
  if (kind === "discord" && (token === undefined || token === "")) {
    faults.push(emptySecret(tenant, [...path, "token"], `${renderPath(path)} is enabled but has no token`))
  }
  return faults
}

/** What to set so that the secret at `path` is there. */
const remedy = (source: Source, path: Path): string => {
  const names = markAt(source, path)?.names ?? []
  return names.length === 0 ? `set ${renderPath(path)}` : `set the environment variable ${names.join(" or ")}`
}

const emptySecret = (source: Source, path: Path, problem: string): ConfigFault =>
  faultAt(source, path, { problem, expected: "text that is not empty", hint: remedy(source, path) })

const noSuchChannel = (tenant: Source, path: Path, kind: string) =>
  faultAt(tenant, path, {
    problem: `${renderPath(path)}: this version cannot connect to ${kind} yet`,
    expected: "a channel that is not enabled",
    hint: "set enabled: false"
  })

const modelFaults = (tenant: Source, agent: Source, known: Known, path: Path): ReadonlyArray<ConfigFault> => {
  const [provider, ...rest] = textAt(agent, path)?.split("/") ?? []
  if (provider === undefined || provider === "" || rest.join("") === "") return []
  const providers = keysAt(tenant, ["providers"])
  if (!providers.includes(provider)) {
    return [unexpected(agent, path, `a provider of this tenant (${list(providers)})`, didYouMean(provider, providers))]
  }
  const kind = textAt(tenant, ["providers", provider, "kind"])
  if (kind !== undefined && providerKindNames.includes(kind) && !known.providerKinds.includes(kind)) {
    const problem = `${renderPath(path)}: ${showAt(agent, path)} is of a provider of kind ${kind}, which cannot be used yet`
    return [faultAt(agent, path, { problem, expected: `a provider of kind ${known.providerKinds.join(" or ")}` })]
  }
  const key = ["providers", provider, "apiKey"]
  const given = valueAt(tenant, key) ?? (kind === "openai" ? "" : undefined)
  if (given !== "" || mayLackKey(tenant, provider)) return []
  const empty = `${renderPath(key)} in ${tenant.file} is empty`
  const problem = `${renderPath(path)}: ${showAt(agent, path)} needs a key, but ${empty}`
  return [faultAt(agent, path, { problem, expected: "a provider with a key", hint: remedy(tenant, key) })]
}

/** Where a provider of kind openai is anywhere but at OpenAI, it may be a server of one's own that asks for no key. */
const mayLackKey = (tenant: Source, provider: string): boolean => {
  if (textAt(tenant, ["providers", provider, "kind"]) !== "openai") return false
  const baseUrl = textAt(tenant, ["providers", provider, "baseUrl"])
  return baseUrl !== undefined && URL.canParse(baseUrl) && new URL(baseUrl).hostname !== "api.openai.com"
}

const toolFaults = (agent: Source, known: Known): ReadonlyArray<ConfigFault> =>
  indicesAt(agent, ["tools"]).flatMap((path) => {
    const tool = textAt(agent, path)
    if (tool === undefined || tool === "" || known.tools.includes(tool)) return []
    return [unexpected(agent, path, `a tool (${list(known.tools)})`, didYouMean(tool, known.tools))]
  })

const { context, instructions, maxTokens } = AgentConfig.fields
const readWindow = Schema.decodeUnknownOption(Schema.Struct({ context, instructions, maxTokens }))

/** Roughly what a token of English text takes: low, so that no agent is refused whose instructions do fit. */
const charactersPerToken = 5

/** A reply and the instructions share the window with the conversation, which must have room left. */
const windowFaults = (agent: Source): ReadonlyArray<ConfigFault> => {
  const read = Option.getOrUndefined(readWindow(writtenOf(agent, ["context", "instructions", "maxTokens"])))
  if (read === undefined) return []
  const { compactAt, window = defaultWindow } = read.context
  const size = told(agent, ["context", "window"], window)
  if (read.context.window !== undefined && read.maxTokens >= window) {
    const place = valueAt(agent, ["maxTokens"]) === undefined ? ["context", "window"] : ["maxTokens"]
    const reply = told(agent, ["maxTokens"], read.maxTokens)
    const problem = `maxTokens: a reply of ${reply} tokens leaves no room in context.window, which is ${size}`
    const expected = "fewer tokens than context.window has"
    return [faultAt(agent, place, { problem, expected, hint: "a quarter of the window is plenty" })]
  }
  const room = Math.min(window * compactAt, Math.max(window - read.maxTokens, window / 4))
  if (read.instructions.length / charactersPerToken < room) return []
  const problem = `instructions: they alone take up what compactAt and maxTokens leave of context.window, which is ${size}`
  const expected = "instructions that leave room for a conversation"
  return [faultAt(agent, ["instructions"], { problem, expected, hint: "shorten them, or raise context.window" })]
}

const { thinking } = AgentConfig.fields
const readThinking = Schema.decodeUnknownOption(Schema.Struct({ thinking, maxTokens }))

/** What is thought is part of the reply, and something has to be left for the answer. */
const thinkingFaults = (agent: Source): ReadonlyArray<ConfigFault> => {
  const read = Option.getOrUndefined(readThinking(writtenOf(agent, ["thinking", "maxTokens"])))
  if (read?.thinking === undefined || typeof read.thinking === "string") return []
  const { budget } = read.thinking
  if (budget < read.maxTokens) return []
  const reply = told(agent, ["maxTokens"], read.maxTokens)
  const spent = told(agent, ["thinking", "budget"], budget)
  const problem = `thinking.budget: to think for ${spent} tokens leaves nothing of a reply of maxTokens, which is ${reply}`
  const expected = "fewer tokens than maxTokens"
  return [faultAt(agent, ["thinking", "budget"], { problem, expected, hint: "raise maxTokens, or lower the budget" })]
}

/** Those of these fields that there are. */
const writtenOf = (source: Source, keys: ReadonlyArray<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = valueAt(source, [key])
      return value === undefined ? [] : [[key, value]]
    })
  )

/** A number for people; one from the environment appears only as it is written in the file. */
const told = (source: Source, path: Path, value: number): string =>
  markAt(source, path)?.written === undefined ? String(value) : showAt(source, path)
