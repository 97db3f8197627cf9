/** A channel in a tenant's file. `kind` decides which fields there are. */
import * as Schema from "effect/Schema"
import { AgentId } from "../domain/Ids.ts"
import { Address, field, Flag, noSecret, otherwise, Secret } from "./Fields.ts"

/** A Discord bot. */
const DiscordConfig = Schema.Struct({
  kind: Schema.tag("discord"),
  /** Whether the channel connects at all. */
  enabled: Flag.pipe(otherwise(true)),
  /** The bot's token; may be empty while the channel is not enabled. */
  token: Secret.pipe(otherwise(noSecret)),
  /** Where Discord's API is; the gateway's URL is asked from it. */
  api: Address.pipe(otherwise(new URL("https://discord.com/api"))),
  /** Who answers. */
  agent: field({ expected: "the name of an agent" }, AgentId)
})

export const ChannelConfig = Schema.Union([DiscordConfig])
export type ChannelConfig = typeof ChannelConfig.Type
