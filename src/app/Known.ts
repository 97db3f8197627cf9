/** What this program has and configuration files may name. */
import type { Known } from "../config/CrossChecks.ts"
import { kinds } from "./ProvidersLayer.ts"
import { names } from "./ToolsLayer.ts"

export const known: Known = { tools: names, providerKinds: kinds, channelKinds: [] }
