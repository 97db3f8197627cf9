/** Whatever may be configured can be written down and read back. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { stringify } from "yaml"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import { decode } from "../../src/config/Decode.ts"
import { ServiceConfig } from "../../src/config/ServiceConfig.ts"
import { TenantConfig } from "../../src/config/TenantConfig.ts"
import { parse } from "../../src/config/Yaml.ts"

/** Writes a value as a file, its placeholders escaped, and reads it back. */
const reread = <T, E>(schema: Schema.Codec<T, E>, value: T) => {
  const text = stringify(Schema.encodeSync(schema)(value)).replaceAll("${", () => "$${")
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
