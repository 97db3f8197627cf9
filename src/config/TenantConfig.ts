/**
 * A tenant: the file `tenants/<tenant>/tenant.yaml`.
 *
 * Its limits, the providers its agents may use, by the names they use, and the channels it is reached through.
 */
import * as Schema from "effect/Schema"
import { ChannelConfig } from "./ChannelConfig.ts"
import { count, Dollars, Name, otherwise, section, Text } from "./Fields.ts"
import { ProviderConfig } from "./ProviderConfig.ts"

export const LimitsConfig = Schema.Struct({
  /** Agents it may have. */
  agents: count(1).pipe(otherwise(20)),
  /** Sessions it may have. */
  sessions: count(1).pipe(otherwise(10_000)),
  /** Turns that may run at once; others wait. */
  concurrentTurns: count(1).pipe(otherwise(16)),
  /** Tokens per day, in and out together. */
  tokensPerDay: count(0).pipe(otherwise(5_000_000)),
  /** Money per day, in US dollars. */
  costPerDayUsd: Dollars.pipe(otherwise(20))
})
export type LimitsConfig = typeof LimitsConfig.Type

export const TenantConfig = Schema.Struct({
  /** The name people see. */
  name: Text,
  limits: section(LimitsConfig),
  /** By the name an agent's `model` uses before the slash. */
  providers: section(Schema.Record(Name, ProviderConfig)),
  channels: section(Schema.Record(Name, ChannelConfig))
})
export type TenantConfig = typeof TenantConfig.Type
