/** The tools a tenant's agents may use, and where on disk they work. */
import { resolve } from "node:path"
import * as Context from "effect/Context"
import type { Layer } from "effect"
import type { AgentId } from "../domain/Ids.ts"
import { exec } from "../tools/exec/Exec.ts"
import { Toolbox } from "../tools/Toolbox.ts"

/** What configuration files may name. */
export const names = ["exec"] as const

/**
 * `folder` is the tenant's own: each agent works in a folder of its own below it. Its path is made absolute, because a
 * command that is given it (as HOME, say) stands somewhere else.
 */
export const make = (folder: string) =>
  Toolbox.layerOf([exec({ workspace: (agent: AgentId) => resolve(folder, "workspaces", agent) })])

/** Where a tenant's tools come from, given the tenant's folder; whoever embeds the service may bring others. */
export const Tools = Context.Reference<(folder: string) => Layer.Layer<Toolbox>>("fiberclaw/app/Tools", {
  defaultValue: () => make
})
