/** Whatever may be configured can be written down and read back. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { stringify } from "yaml"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import { decode } from "../../src/config/Decode.ts"
import { ServiceConfig } from "../../src/config/ServiceConfig.ts"
import { TenantConfig } from "../../src/config/TenantConfig.ts"
import { parse } from "../../src/config/Yaml.ts"

/** With what would be placeholders escaped; there are none in keys. */
const escaped = (value: unknown): unknown => {
  if (typeof value === "string") return value.replaceAll("${", () => "$${")
  if (Array.isArray(value)) return value.map(escaped)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]))
}

/** Writes a value as a file and reads it back. */
const reread = <T, E>(schema: Schema.Codec<T, E>, value: T) => {
  const text = stringify(escaped(Schema.encodeSync(schema)(value)))
  const { faults, source } = parse("f.yaml", text, {})
  assert.deepStrictEqual(faults, [])
  assert(source !== undefined)
  return Result.getOrThrow(decode(schema, source))
}

const same = <T, E>(schema: Schema.Codec<T, E>, value: T) =>
  assert.isTrue(Schema.toEquivalence(schema)(reread(schema, value), value))

describe("a configuration that is written and read back is the same", () => {
  it.prop("for the service", [ServiceConfig], ([value]) => same(ServiceConfig, value))
  it.prop("for a tenant", [TenantConfig], ([value]) => same(TenantConfig, value))
  it.prop("for an agent", [AgentConfig], ([value]) => same(AgentConfig, value))
})
