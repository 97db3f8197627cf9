/**
 * The files of a configuration folder: which there are, and what is in them.
 *
 * The top level may hold anything else as well; inside `tenants/` every name means something, so an unknown one is
 * a fault. Hidden files and editors' backups (`.x`, `x~`) are no part of the configuration.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import type { PlatformError } from "effect"
import { AgentId, TenantId, slugText } from "../domain/Ids.ts"
import { ConfigFault } from "./Fault.ts"
import { didYouMean } from "./Suggestion.ts"

/** The largest file that is read. */
const maxFileBytes = 1_048_576

export interface TenantFiles {
  readonly id: TenantId
  /** Absent when the folder has no `tenant.yaml`. */
  readonly file: string | undefined
  readonly agents: ReadonlyMap<AgentId, string>
}

export interface ConfigFiles {
  /** Absent when the folder has no `fiberclaw.yaml`: then every default holds. */
  readonly service: string | undefined
  readonly tenants: ReadonlyArray<TenantFiles>
  readonly faults: ReadonlyArray<ConfigFault>
}

const about = (file: string, problem: string, hint?: string) => new ConfigFault({ file, path: "", problem, hint })

const reasons: Partial<Record<string, string>> = {
  BadResource: "it is not a folder",
  NotFound: "there is no such file or folder",
  PermissionDenied: "permission denied"
}

const unreadable =
  (file: string) =>
  ({ reason }: PlatformError.PlatformError) =>
    about(file, `cannot be read: ${reasons[reason._tag] ?? "the file system refused"}`)

const isTenantId = Schema.is(TenantId)
const isAgentId = Schema.is(AgentId)

type Faults = Array<ConfigFault>

const recorded = <A, R>(read: Effect.Effect<A, ConfigFault, R>, faults: Faults, otherwise: A) =>
  Effect.catch(read, (fault) =>
    Effect.sync(() => {
      faults.push(fault)
      return otherwise
    })
  )

const listFolder = Effect.fnUntraced(function* (folder: string, faults: Faults) {
  const fileSystem = yield* FileSystem.FileSystem
  const names = yield* recorded(Effect.mapError(fileSystem.readDirectory(folder), unreadable(folder)), faults, [])
  return names.filter((name) => !name.startsWith(".") && !name.endsWith("~")).toSorted()
})

/** Which files the configuration in `directory` has, and which it should not have or lacks. */
export const survey = Effect.fnUntraced(function* (directory: string) {
  const path = yield* Path.Path
  const faults: Faults = []
  const names = yield* listFolder(directory, faults)
  if (names.includes("fiberclaw.yml")) {
    faults.push(about(path.join(directory, "fiberclaw.yml"), "unknown file", "did you mean `fiberclaw.yaml`?"))
  }
  const tenants: Array<TenantFiles> = []
  const folder = path.join(directory, "tenants")
  for (const name of names.includes("tenants") ? yield* listFolder(folder, faults) : []) {
    const tenant = yield* surveyTenant(path.join(folder, name), name, faults)
    if (tenant !== undefined) tenants.push(tenant)
  }
  if (tenants.length === 0 && faults.length === 0) {
    faults.push(about(folder, "there is no tenant", "create default/tenant.yaml in it"))
  }
  const service = names.includes("fiberclaw.yaml") ? path.join(directory, "fiberclaw.yaml") : undefined
  return { service, tenants, faults } satisfies ConfigFiles
})

const surveyTenant = Effect.fnUntraced(function* (folder: string, id: string, faults: Faults) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const type = yield* recorded(
    Effect.mapBoth(fileSystem.stat(folder), { onFailure: unreadable(folder), onSuccess: (info) => info.type }),
    faults,
    undefined
  )
  if (type === undefined) return undefined
  if (type !== "Directory") {
    faults.push(about(folder, "unknown file", "a tenant is a folder with a tenant.yaml in it"))
    return undefined
  }
  if (!isTenantId(id)) {
    faults.push(about(folder, `"${id}" is not the name of a tenant`, `use ${slugText}`))
    return undefined
  }
  const names = yield* listFolder(folder, faults)
  const expected = ["tenant.yaml", "agents"]
  for (const name of names.filter((name) => !expected.includes(name))) {
    const hint = didYouMean(name, expected) ?? "a tenant has a tenant.yaml and a folder agents"
    faults.push(about(path.join(folder, name), "unknown file", hint))
  }
  const file = names.includes("tenant.yaml") ? path.join(folder, "tenant.yaml") : undefined
  if (file === undefined) faults.push(about(folder, "there is no tenant.yaml", "create it, or remove the folder"))
  const agents = yield* surveyAgents(path.join(folder, "agents"), names.includes("agents"), faults)
  return { id, file, agents } satisfies TenantFiles
})

const surveyAgents = Effect.fnUntraced(function* (folder: string, exists: boolean, faults: Faults) {
  const path = yield* Path.Path
  const before = faults.length
  const names = exists ? yield* listFolder(folder, faults) : []
  const agents = new Map<AgentId, string>()
  for (const name of names) {
    const { ext, name: id } = path.parse(name)
    const file = path.join(folder, name)
    if (ext !== ".yaml") {
      faults.push(about(file, "unknown file", ext === ".yml" ? `rename it to ${id}.yaml` : "an agent is a .yaml file"))
    } else if (isAgentId(id)) {
      agents.set(id, file)
    } else {
      faults.push(about(file, `"${id}" is not the name of an agent`, `use ${slugText}`))
    }
  }
  if (agents.size === 0 && faults.length === before) {
    faults.push(about(folder, "the tenant has no agent", "create main.yaml in it"))
  }
  return agents
})

/** The text of a file of at most `maxFileBytes`; it must be UTF-8. */
export const readText = Effect.fnUntraced(function* (file: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const info = yield* Effect.mapError(fileSystem.stat(file), unreadable(file))
  if (info.type !== "File") return yield* Effect.fail(about(file, "is not a file"))
  if (ByteSize.toBigInt(info.size) > maxFileBytes) {
    return yield* Effect.fail(about(file, "is larger than 1 MiB"))
  }
  const bytes = yield* Effect.mapError(fileSystem.readFile(file), unreadable(file))
  return yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => about(file, "is not UTF-8 text")
  })
})
