import { assert, describe, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { inspect } from "node:util"
import { TenantId } from "../../src/domain/Ids.ts"
import { type Files, FolderLayer, loadFiles, minimal } from "./folder.ts"

const secret = "sk-4f9a-do-not-show"
const tenant = "tenants/default/tenant.yaml"
const main = "tenants/default/agents/main.yaml"

const withProvider = (fields: string): Files => ({
  ...minimal,
  [tenant]: `name: x\nproviders:\n  demo: { kind: scripted }\n  remote:\n    kind: anthropic\n${fields}`
})

/** Everything a value shows of itself. */
const exposed = (value: unknown) =>
  [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)].join("\n")

describe("a secret", () => {
  layer(FolderLayer)((it) => {
    it.effect("is in the loaded config, but never shows", () =>
      Effect.gen(function* () {
        const loaded = yield* loadFiles(
          withProvider('    apiKey: ${KEY}\nchannels: { d: { kind: discord, token: "${KEY}", agent: main } }\n'),
          { KEY: secret }
        )
        const { channels, providers } = loaded.tenants.get(TenantId.make("default"))?.config ?? {}
        const remote = providers?.["remote"]
        const discord = channels?.["d"]
        assert(remote?.kind === "anthropic" && discord !== undefined)
        assert.strictEqual(Redacted.value(remote.apiKey), secret)
        assert.strictEqual(Redacted.value(discord.token), secret)
        for (const part of [loaded, [...loaded.tenants], providers, channels]) assert.notInclude(exposed(part), secret)
      })
    )

    it.effect.each([
      ["in its own field beside other faults", withProvider(`    apiKey: ${secret}\n    x: 1\n`)],
      ["in its own field on a faulty line", withProvider(`    apiKey: ${secret} ]\n    baseUrl: {\n`)],
      ["of the wrong type", withProvider(`    apiKey: [${secret}]\n`)],
      ["under a misspelt key", withProvider(`    apikey: ${secret}\n`)],
      ["where a mapping belongs", { ...minimal, [tenant]: `name: x\nproviders: ${secret}\n` }],
      ["as a whole provider", { ...minimal, [tenant]: `name: x\nproviders: { remote: ${secret} }\n` }],
      ["in text that is not YAML", { ...minimal, [tenant]: `name: "x\n  apiKey: ${secret}: a\n` }],
      ["twice", withProvider(`    apiKey: ${secret}\n    apiKey: ${secret}\n`)],
      ["beside an open placeholder", withProvider(`    apiKey: ${secret}\${OPEN\n`)],
      ["beside a missing variable", withProvider(`    apiKey: ${secret}\${GONE}\n`)],
      ["from the environment, in an address", withProvider("    apiKey: x\n    baseUrl: ${KEY}\n")],
      [
        "from the environment, in an address with a password",
        withProvider("    apiKey: x\n    baseUrl: https://a:${KEY}@h\n")
      ],
      ["from the environment, as a kind", { ...minimal, [tenant]: 'name: x\nproviders: { a: { kind: "${KEY}" } }\n' }],
      ["from the environment, as a model", { ...minimal, [main]: "model: a/${KEY}\ninstructions: x\n" }],
      ["from the environment, as a number", { ...minimal, "fiberclaw.yaml": 'http: { port: "${KEY}" }\n' }],
      ["from the environment, as a tool", { ...minimal, [main]: 'model: demo/x\ninstructions: x\ntools: ["${KEY}"]\n' }]
    ] as const)("never shows in a fault: %s", ([, files]) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(loadFiles(files, { KEY: secret }))
        assert.notInclude(exposed(error), secret)
        assert.notInclude(error.message, secret)
      })
    )
  })
})
