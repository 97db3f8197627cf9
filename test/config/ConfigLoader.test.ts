import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, FileSystem, Redacted } from "effect"
import { load } from "../../src/config/ConfigLoader.ts"
import { AgentId, TenantId } from "../../src/domain/Ids.ts"
import {
  agentYaml,
  faultsOf,
  FolderLayer,
  folderWith,
  known,
  linesOf,
  loadFiles,
  minimal,
  tenantYaml
} from "./folder.ts"

const tenant = TenantId.make("default")
const main = AgentId.make("main")

describe("ConfigLoader", () => {
  layer(FolderLayer)((it) => {
    it.effect("loads the example folder without any environment", () =>
      Effect.gen(function* () {
        const { service, tenants } = yield* load("config", {}, known)
        assert.deepInclude(service.http, { host: "127.0.0.1", port: 4000, maxBodyBytes: 1_048_576 })
        assert.deepStrictEqual(service.log, { level: "info", format: "json" })
        assert.deepStrictEqual(Duration.toSeconds(service.drain), 30)
        const definition = tenants.get(tenant)
        const anthropic = definition?.config.providers["anthropic"]
        assert(anthropic?.kind === "anthropic")
        assert.strictEqual(anthropic.baseUrl.href, "https://api.anthropic.com/")
        assert.strictEqual(Redacted.value(anthropic.apiKey), "")
        assert.deepStrictEqual(definition?.config.channels["discord"]?.enabled, false)
        assert.deepStrictEqual(definition?.agents.get(main)?.model, { provider: "demo", name: "demo" })
        assert.deepStrictEqual(definition?.agents.get(main)?.tools, ["exec"])
      })
    )

    it.effect("gives every absent field its default", () =>
      Effect.gen(function* () {
        const bare = yield* loadFiles(minimal)
        const example = yield* load("config", {}, known)
        const [left, right] = [bare.tenants.get(tenant), example.tenants.get(tenant)]
        const expected = right?.agents.get(main)
        assert(expected !== undefined)
        assert.deepStrictEqual(bare.service, example.service)
        assert.deepStrictEqual(left?.config.limits, right?.config.limits)
        assert.deepStrictEqual(left?.agents.get(main), {
          ...expected,
          instructions: "Be kind.",
          tools: []
        })
      })
    )

    it.effect("reads numbers, truth values and text from the environment", () =>
      Effect.gen(function* () {
        const files = {
          ...minimal,
          "fiberclaw.yaml": 'http: { port: "${PORT:-4000}", insecure: "${OPEN}", trustedProxy: "${PROXY}" }\n',
          "tenants/default/tenant.yaml":
            'name: ${WHO} & co\nproviders: { demo: { kind: "${KIND:-scripted}" } }\n' +
            "limits:\n  costPerDayUsd: ${COST}\n"
        }
        const env = { PORT: "5000", OPEN: "true", PROXY: "false", WHO: "Ada", COST: "1.5" }
        const { service, tenants } = yield* loadFiles(files, env)
        assert.deepInclude(service.http, { port: 5000, insecure: true, trustedProxy: false })
        assert.strictEqual(tenants.get(tenant)?.config.name, "Ada & co")
        assert.strictEqual(tenants.get(tenant)?.config.limits.costPerDayUsd, 1.5)
      })
    )

    it.effect("reports every fault of every file at once, in order", () =>
      Effect.gen(function* () {
        const lines = yield* faultsOf({
          "fiberclaw.yaml": "htttp: {}\ndrain: soon\n",
          "tenants/default/tenant.yaml": "limits:\n  agnets: 3\n  sessions: many\n",
          "tenants/default/agents/main.yaml": "model: demo\ntool: [exec]\n",
          "tenants/default/agents/second.yaml": "a: b: c",
          "tenants/other/tenant.yaml": tenantYaml
        })
        assert.deepStrictEqual(lines, [
          "fiberclaw.yaml:1:1: unknown key `htttp`, did you mean `http`?",
          'fiberclaw.yaml:2:8: drain: expected a time such as "30 seconds" or "500 millis", got "soon"',
          "tenants/default/agents/main.yaml:1:1: missing key `instructions`",
          'tenants/default/agents/main.yaml:1:8: model: expected a model as provider/model, got "demo"',
          "tenants/default/agents/main.yaml:2:1: unknown key `tool`, did you mean `tools`?",
          'tenants/default/agents/second.yaml:1:4: a second ":" on one line; ' +
            "put the value in quotes, or the mapping on lines of its own",
          "tenants/default/tenant.yaml:1:1: missing key `name`",
          "tenants/default/tenant.yaml:2:3: unknown key `agnets`, did you mean `agents`?",
          'tenants/default/tenant.yaml:3:13: limits.sessions: expected a whole number, 1 or more, got "many"',
          "tenants/other/agents: the tenant has no agent; create main.yaml in it"
        ])
      })
    )

    it.effect("says in one sentence what is wrong first", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(loadFiles({ ...minimal, "fiberclaw.yaml": "a: 1\nb: 2\n" }))
        assert(error._tag === "ConfigInvalid")
        assert.strictEqual(
          error.message,
          `the configuration in ${error.directory} has 2 faults, the first: ${error.directory}/fiberclaw.yaml:1:1: ` +
            "unknown key `a`; expected one of http, log, drain"
        )
      })
    )

    it.effect("ignores what else is at the top, hidden files and backups", () =>
      Effect.gen(function* () {
        const { tenants } = yield* loadFiles({
          ...minimal,
          "biome.json": "{}",
          "other/x.txt": "x",
          "tenants/.DS_Store": "x",
          "tenants/default/agents/.main.yaml.swp": "x",
          "tenants/default/agents/main.yaml~": "x"
        })
        assert.deepStrictEqual([...tenants.keys()], ["default"])
      })
    )

    it.effect("names a folder that does not exist", () =>
      Effect.gen(function* () {
        const directory = `${yield* folderWith({})}/gone`
        const error = yield* Effect.flip(load(directory, {}, known))
        assert.deepStrictEqual(linesOf(error), [".: cannot be read: there is no such file or folder"])
      })
    )

    it.effect("says which file may not be read", () =>
      Effect.gen(function* () {
        const fileSystem = yield* FileSystem.FileSystem
        const directory = yield* folderWith(minimal)
        const file = `${directory}/tenants/default/agents/main.yaml`
        yield* fileSystem.remove(file)
        yield* fileSystem.symlink(`${directory}/gone`, file)
        const error = yield* Effect.flip(load(directory, {}, known))
        assert(error._tag === "ConfigInvalid")
        assert.deepStrictEqual(linesOf(error), [
          "tenants/default/agents/main.yaml: cannot be read: there is no such file or folder"
        ])
      })
    )
  })
})

describe("the folder", () => {
  const main = "tenants/default/agents/main.yaml"
  const file = "tenants/default/tenant.yaml"
  layer(FolderLayer)((it) => {
    it.effect.each([
      ["no tenant", { "fiberclaw.yaml": "" }, ["tenants: there is no tenant; create default/tenant.yaml in it"]],
      ["a file for tenants", { tenants: "x" }, ["tenants: cannot be read: it is not a folder"]],
      [
        "a file in tenants",
        { ...minimal, "tenants/notes.md": "" },
        ["tenants/notes.md: unknown file; a tenant is a folder with a tenant.yaml in it"]
      ],
      [
        "no tenant.yaml",
        { ...minimal, "tenants/foo/agents/main.yaml": agentYaml },
        ["tenants/foo: there is no tenant.yaml; create it, or remove the folder"]
      ],
      [
        "a tenant.yml",
        { "tenants/default/tenant.yml": tenantYaml, [main]: agentYaml },
        [
          "tenants/default: there is no tenant.yaml; create it, or remove the folder",
          "tenants/default/tenant.yml: unknown file, did you mean `tenant.yaml`?"
        ]
      ],
      [
        "an unknown file of a tenant",
        { ...minimal, "tenants/default/secrets.txt": "" },
        ["tenants/default/secrets.txt: unknown file; a tenant has a tenant.yaml and a folder agents"]
      ],
      [
        "a tenant with a bad name",
        { ...minimal, "tenants/Big Co/tenant.yaml": tenantYaml },
        [
          'tenants/Big Co: "Big Co" is not the name of a tenant; ' +
            "use 1 to 63 lower-case letters, digits, - or _, starting with a letter or a digit"
        ]
      ],
      ["no agent", { [file]: tenantYaml }, ["tenants/default/agents: the tenant has no agent; create main.yaml in it"]],
      [
        "an agent with a bad name",
        { ...minimal, "tenants/default/agents/Main.yaml": agentYaml },
        [
          'tenants/default/agents/Main.yaml: "Main" is not the name of an agent; ' +
            "use 1 to 63 lower-case letters, digits, - or _, starting with a letter or a digit"
        ]
      ],
      [
        "agents in other files",
        { ...minimal, "tenants/default/agents/b.yml": "", "tenants/default/agents/c.md": "" },
        [
          "tenants/default/agents/b.yml: unknown file; rename it to b.yaml",
          "tenants/default/agents/c.md: unknown file; an agent is a .yaml file"
        ]
      ],
      [
        "a folder for an agent",
        { ...minimal, "tenants/default/agents/b.yaml/x": "" },
        ["tenants/default/agents/b.yaml: is not a file"]
      ],
      [
        "a fiberclaw.yml",
        { ...minimal, "fiberclaw.yml": "" },
        ["fiberclaw.yml: unknown file, did you mean `fiberclaw.yaml`?"]
      ],
      [
        "a file that is too large",
        { ...minimal, "fiberclaw.yaml": "#".repeat(1_048_577) },
        ["fiberclaw.yaml: is larger than 1 MiB"]
      ],
      [
        "a file that is not text",
        { ...minimal, "fiberclaw.yaml": new Uint8Array([0x61, 0xff]) },
        ["fiberclaw.yaml: is not UTF-8 text"]
      ]
    ] as const)("refuses %s", ([, files, expected]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* faultsOf(files), [...expected])
      })
    )
  })
})
