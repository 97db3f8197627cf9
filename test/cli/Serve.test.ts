import { existsSync, statSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server } from "node:net"
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { run, start } from "../support/Command.ts"
import { minimal, start as startApp, writeFiles } from "../support/RunningApp.ts"

const folder = FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped({ prefix: "fiberclaw-data-" }))

/** Fails with one sentence on stderr. */
const refused = Effect.fnUntraced(function* (args: ReadonlyArray<string>, sentence: RegExp) {
  const { code, stderr } = yield* run(["serve", ...args])
  assert.strictEqual(code, 1, stderr)
  assert.match(stderr, sentence)
  assert.notMatch(stderr, /\n\s+at |\.ts:/)
  return stderr
})

const takenPort = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

layer(NodeServices.layer)("fiberclaw serve", (it) => {
  it.effect("runs until it is told to stop", () =>
    Effect.gen(function* () {
      const config = yield* writeFiles(minimal)
      const data = `${yield* folder}/made/by/itself`
      const service = yield* start(["serve", "--config", config, "--data", data, "--port", "0"])
      const ready = JSON.parse((yield* service.logged("service ready")).at(-1) ?? "")
      assert.deepInclude(ready, { level: "info", tenants: 2, adminToken: `${data}/admin.token`, pid: service.pid })
      const health = yield* Effect.promise(() => fetch(`${ready.url}/health`))
      assert.strictEqual(health.status, 200)
      assert.strictEqual(statSync(data).mode & 0o777, 0o700)
      assert.strictEqual(statSync(`${data}/admin.token`).mode & 0o777, 0o600)
      yield* service.signal("SIGTERM")
      const { code, stderr, stdout } = yield* service.ending
      assert.deepStrictEqual([code, stderr], [0, ""])
      const messages = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).message)
      assert.deepStrictEqual(
        messages.filter((message) => /^service/.test(message)),
        ["service ready", "service stops", "service stopped"]
      )
    })
  )

  it.effect("refuses a wrong configuration with every fault", () =>
    Effect.gen(function* () {
      const config = yield* writeFiles({ ...minimal, "fiberclaw.yaml": "htp: {}\n" })
      const stderr = yield* refused(
        ["--config", config, "--data", yield* folder],
        /fiberclaw\.yaml:1:1: unknown key .htp., did you mean .http.\?/
      )
      assert.match(stderr, /1 fault; nothing was started/)
    })
  )

  it.effect("refuses a port that is none, or that is taken", () =>
    Effect.gen(function* () {
      const common = ["--config", yield* writeFiles(minimal), "--data", yield* folder]
      yield* refused([...common, "--port", "99999"], /^flag --port: expected a port number \(0 to 65535\), got "99999"/)
      const port = yield* takenPort
      const stderr = yield* refused([...common, "--port", String(port)], /./)
      assert.strictEqual(
        stderr,
        `port ${port} on 127.0.0.1 is in use: stop what uses it, or choose another with --port\n`
      )
    })
  )

  it.effect("refuses a data folder that another one uses, or that cannot be written", () =>
    Effect.gen(function* () {
      const config = yield* writeFiles(minimal)
      const parent = yield* folder
      writeFileSync(`${parent}/file`, "")
      yield* refused(
        ["--config", config, "--port", "0", "--data", `${parent}/file`],
        /^the data folder .*\/file cannot be written: .*\n$/
      )
      const { data } = yield* startApp({ env: { FIBERCLAW_ADMIN_TOKEN: "set" } })
      const stderr = yield* refused(["--config", config, "--port", "0", "--data", data], /./)
      assert.strictEqual(
        stderr,
        `the data folder ${data} is in use by another fiberclaw: stop that one, or choose another with --data\n`
      )
      assert.isFalse(existsSync(`${data}/admin.token`))
    })
  )

  it.effect("does not expose itself by accident", () =>
    Effect.gen(function* () {
      const common = ["--config", yield* writeFiles(minimal), "--data", yield* folder, "--port", "0"]
      yield* refused(
        [...common, "--host", "0.0.0.0"],
        /^listening on 0\.0\.0\.0 would expose the service without TLS: set http\.trustedProxy .*\n$/
      )
      yield* refused([...common, "--host", "127.0.0.1.evil.example"], /would expose the service/)
      const config = yield* writeFiles({
        ...minimal,
        "fiberclaw.yaml": "http: { host: 0.0.0.0, trustedProxy: false }\n"
      })
      yield* refused(["--config", config, "--data", yield* folder, "--port", "0"], /would expose the service/)
    })
  )
})
