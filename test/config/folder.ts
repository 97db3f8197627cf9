/** Configuration folders for tests: real files in a temporary folder that goes with the test's scope. */
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, type Layer, Path } from "effect"
import type { Environment } from "../../src/config/Environment.ts"
import { load } from "../../src/config/ConfigLoader.ts"
import type { Known } from "../../src/config/CrossChecks.ts"
import { type ConfigInvalid, render } from "../../src/config/Fault.ts"

export const FolderLayer: Layer.Layer<FileSystem.FileSystem | Path.Path> = NodeServices.layer

/** The text of each file by its path in the folder. */
export type Files = Readonly<Record<string, string | Uint8Array>>

export const known: Known = {
  tools: ["exec", "read_file"],
  providerKinds: ["anthropic", "openai", "scripted"],
  channelKinds: ["discord"]
}

export const tenantYaml = "name: Default\nproviders:\n  demo: { kind: scripted }\n"
export const agentYaml = "model: demo/demo\ninstructions: Be kind.\n"

/** The smallest valid folder. */
export const minimal: Files = {
  "tenants/default/tenant.yaml": tenantYaml,
  "tenants/default/agents/main.yaml": agentYaml
}

/** Writes the files into a new folder. */
export const folderWith = Effect.fnUntraced(function* (files: Files) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fileSystem.makeTempDirectoryScoped()
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(directory, name)
    yield* fileSystem.makeDirectory(path.dirname(file), { recursive: true })
    yield* fileSystem.writeFile(file, typeof text === "string" ? new TextEncoder().encode(text) : text)
  }
  return directory
}, Effect.orDie)

/** Loads a new folder with these files. */
export const loadFiles = Effect.fnUntraced(function* (files: Files, env: Environment = {}, has: Known = known) {
  const directory = yield* folderWith(files)
  return yield* load(directory, env, has)
})

/** The rendered faults, with the folder's own path left out. */
export const linesOf = (error: ConfigInvalid): ReadonlyArray<string> =>
  error.faults.map((fault) => render(fault).replaceAll(`${error.directory}/`, "").replaceAll(error.directory, "."))

/** The faults of a new folder with these files, rendered. */
export const faultsOf = (files: Files, env?: Environment, has?: Known) =>
  Effect.map(Effect.flip(loadFiles(files, env, has)), linesOf)
