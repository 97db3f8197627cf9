/**
 * Loads a whole configuration: the service's file, every tenant's, every agent's.
 *
 * It is valid as a whole or refused as a whole, with every fault of every file at once. Values come from the files
 * and, where these say so, from the environment that is passed in; secrets are redacted from the moment they are
 * decoded.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { FileSystem } from "effect"
import type { AgentId, TenantId } from "../domain/Ids.ts"
import { AgentConfig } from "./AgentConfig.ts"
import { readText, survey, type TenantFiles } from "./ConfigFiles.ts"
import { crossCheck, type Known } from "./CrossChecks.ts"
import { decode } from "./Decode.ts"
import type { Environment } from "./Environment.ts"
import { type ConfigFault, ConfigInvalid, inOrder } from "./Fault.ts"
import { ServiceConfig } from "./ServiceConfig.ts"
import type { Source } from "./Source.ts"
import { TenantConfig } from "./TenantConfig.ts"
import { parse } from "./Yaml.ts"

/** A tenant with all its agents. */
export interface TenantDefinition {
  /** The name of its folder. */
  readonly id: TenantId
  readonly config: TenantConfig
  readonly agents: ReadonlyMap<AgentId, AgentConfig>
}

export interface LoadedConfig {
  /** The folder it was loaded from, as it was given. */
  readonly directory: string
  readonly service: ServiceConfig
  readonly tenants: ReadonlyMap<TenantId, TenantDefinition>
}

/**
 * Loads the configuration in `directory`, or fails with all its faults in the order of the files. `known` is what
 * the running program has. Files are named in faults as `directory` is given, relative or absolute.
 */
export const load = Effect.fn("ConfigLoader.load")(function* (directory: string, env: Environment, known: Known) {
  const files = yield* survey(directory)
  const service = files.service === undefined ? undefined : yield* readFile(files.service, ServiceConfig, env)
  const tenants = yield* Effect.forEach(files.tenants, (tenant) => readTenant(tenant, env, known))
  const faults = inOrder([...files.faults, ...(service?.faults ?? []), ...tenants.flatMap((tenant) => tenant.faults)])
  if (Arr.isReadonlyArrayNonEmpty(faults)) return yield* new ConfigInvalid({ directory, faults })
  const loaded: LoadedConfig = {
    directory,
    service: service?.value ?? defaults,
    tenants: new Map(tenants.flatMap(({ value }) => (value === undefined ? [] : [[value.id, value]])))
  }
  return loaded
})

/** The service's configuration without any file. */
export const defaults: ServiceConfig = Schema.decodeUnknownSync(ServiceConfig)({})

/** What became of a file, or of a tenant's files: the value is there unless there are faults in it. */
interface Read<A> {
  readonly value?: A | undefined
  readonly faults: ReadonlyArray<ConfigFault>
}

interface ReadFile<A> extends Read<A> {
  /** Absent when the text could not be read at all. */
  readonly source?: Source | undefined
}

const readFile = Effect.fnUntraced(function* <A, E>(
  file: string,
  schema: Schema.Codec<A, E>,
  env: Environment
): Effect.fn.Return<ReadFile<A>, never, FileSystem.FileSystem> {
  const text = yield* Effect.result(readText(file))
  if (Result.isFailure(text)) return { faults: [text.failure] }
  const { faults, source } = parse(file, text.success, env)
  if (source === undefined) return { faults }
  const decoded = decode(schema, source)
  return Result.isFailure(decoded)
    ? { source, faults: [...faults, ...decoded.failure] }
    : { source, value: decoded.success, faults }
})

const readTenant = Effect.fnUntraced(function* (
  files: TenantFiles,
  env: Environment,
  known: Known
): Effect.fn.Return<Read<TenantDefinition>, never, FileSystem.FileSystem> {
  const tenant: ReadFile<TenantConfig> =
    files.file === undefined ? { faults: [] } : yield* readFile(files.file, TenantConfig, env)
  const agents = yield* Effect.forEach(files.agents, ([id, file]) =>
    Effect.map(readFile(file, AgentConfig, env), (agent) => ({ id, ...agent }))
  )
  const between = crossCheck(
    {
      tenant: tenant.source,
      agentNames: [...files.agents.keys()],
      agents: agents.flatMap(({ source }) => (source === undefined ? [] : [source]))
    },
    known
  )
  const byId = new Map(agents.flatMap(({ id, value }) => (value === undefined ? [] : [[id, value]])))
  return {
    value: tenant.value === undefined ? undefined : { id: files.id, config: tenant.value, agents: byId },
    faults: [...tenant.faults, ...agents.flatMap(({ faults }) => faults), ...between]
  }
})
