import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { version } from "../../src/domain/Version.ts"
import { run } from "../support/Command.ts"
import { minimal, writeFiles } from "../support/RunningApp.ts"

layer(NodeServices.layer)("fiberclaw", (it) => {
  it.effect("explains itself", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(["--help"])
      assert.strictEqual(code, 0)
      for (const command of ["serve", "chat", "check"]) assert.match(stdout, new RegExp(`\\b${command}\\b`))
    })
  )

  it.effect("says its version", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(["--version"])
      assert.deepStrictEqual([code, stdout.trim().split(" ").at(-1)], [0, `v${version}`])
    })
  )

  it.effect.each([["--nonsense"], ["nonsense"], ["serve", "--nonsense"], ["chat", "--tenant", "NO"]])(
    "does not understand %s, and says so on stderr",
    (args) =>
      Effect.gen(function* () {
        const { code, stderr } = yield* run(args as ReadonlyArray<string>)
        assert.strictEqual(code, 2)
        assert.match(stderr, /nonsense|NO/)
      })
  )

  it.effect.each(["bash", "zsh", "fish"])("completes for %s", (shell) =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(["--completions", shell])
      assert.strictEqual(code, 0)
      assert.match(stdout, /fiberclaw[\s\S]*serve/)
    })
  )

  it.effect("says that a configuration is valid", () =>
    Effect.gen(function* () {
      const config = yield* writeFiles(minimal)
      const { code, stderr, stdout } = yield* run(["check", "--config", config])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.strictEqual(stdout, `the configuration in ${config} is valid\n  default: main, second\n  other: main\n`)
      const json = yield* run(["check", "--json"], { env: { FIBERCLAW_CONFIG: config } })
      assert.deepStrictEqual(JSON.parse(json.stdout), {
        valid: true,
        tenants: [
          { id: "default", agents: ["main", "second"] },
          { id: "other", agents: ["main"] }
        ]
      })
    })
  )

  it.effect("lists every fault of a configuration with its place", () =>
    Effect.gen(function* () {
      const config = yield* writeFiles({
        ...minimal,
        "tenants/default/agents/main.yaml": "model: demo/demo\ninstructions: Hi\ntool: [exec]\n",
        "tenants/other/agents/main.yaml": "model: nobody/demo\ninstructions: Hi\n"
      })
      const { code, stderr, stdout } = yield* run(["check", "--config", config])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /default\/agents\/main\.yaml:3:1: unknown key .tool., did you mean .tools.\?/)
      assert.match(stderr, /other\/agents\/main\.yaml:1:8.*nobody/)
      const json = yield* run(["check", "--json", "--config", config])
      assert.strictEqual(json.code, 1)
      const { faults, valid } = JSON.parse(json.stdout)
      assert.deepStrictEqual([valid, faults.length], [false, 2])
      assert.include(faults[0], { line: 3, column: 1 })
    })
  )
})
