import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Finding } from "../../src/upkeep/Finding.ts"
import { run } from "../support/Command.ts"
import { filesOf } from "../support/Configuration.ts"
import { conversation } from "../support/Conversation.ts"
import { makePlace, type Place, start } from "../support/Service.ts"

const Report = Schema.fromJsonString(Schema.Struct({ sound: Schema.Boolean, findings: Schema.Array(Finding) }))

/** What the doctor finds, and its exit code. */
const examine = Effect.fnUntraced(function* ({ config, data }: Place, ...flags: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* run(["doctor", "--config", config, "--data", data, "--json", ...flags])
  const { findings, sound } = Schema.decodeUnknownSync(Report)(stdout)
  assert.strictEqual(code, sound ? 0 : 1, stderr)
  const problems = findings.filter(({ severity }) => severity === "problem")
  for (const { meaning, remedy } of problems) assert.isTrue(Boolean(meaning) && Boolean(remedy))
  return { findings, problems: problems.map(({ what, where }) => `${where}: ${what}`), stderr }
})

/** Every file with its size and the instant of its last change. */
const stateOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => [name, statSync(join(folder, name)).size, statSync(join(folder, name)).mtimeMs])

const says = (findings: ReadonlyArray<Finding>, text: RegExp) => {
  assert.isTrue(
    findings.some(({ what, where }) => text.test(`${where}: ${what}`)),
    `${text} in ${JSON.stringify(findings, undefined, 1)}`
  )
}

describe("fiberclaw doctor", () => {
  it.live("finds nothing wrong beside a running service, and does not disturb it", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "s").talk("say: hello")
      const before = stateOf(join(place.data, "tenants"))
      const { findings, problems, stderr } = yield* examine(place, "--deep")
      assert.deepStrictEqual(problems, [])
      says(findings, /service: it runs at http.*, and is ready/)
      says(findings, /fiberclaw\.sqlite: in use by a running service/)
      says(findings, /sessions\.sqlite: the logs are as they should be: 1 session, \d+ events, every one decoded/)
      assert.match(stderr, /checking .*sessions\.sqlite/)
      assert.deepStrictEqual(stateOf(join(place.data, "tenants")), before)
      yield* conversation(service, "s").talk("say: still here")
    })
  )

  it.live("finds nothing wrong in what a killed service has left", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "s").talk("say: hello")
      yield* service.kill("SIGKILL")
      const { findings, problems } = yield* examine(place, "--deep")
      assert.deepStrictEqual(problems, [])
      says(findings, /service: no service uses this data folder/)
    })
  )

  it.live("tells everything that is wrong, with what to do", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({ tenants: ["gaps", "text"] }))
      const service = yield* start(place)
      yield* conversation(service, "s", { tenant: "gaps" }).talk("say: hello")
      yield* service.kill("SIGTERM")
      const database = new DatabaseSync(join(place.data, "tenants/gaps/sessions.sqlite"))
      database.exec("DELETE FROM events WHERE seq = 2")
      database.close()
      writeFileSync(join(place.data, "tenants/text/sessions.sqlite"), "no database ".repeat(1000))
      writeFileSync(join(place.config, "fiberclaw.yaml"), "htp: {}\n")
      chmodSync(join(place.data, "admin.token"), 0o644)
      chmodSync(place.data, 0o755)
      const { problems } = yield* examine(place)
      for (const text of [
        /configuration: .*fiberclaw\.yaml:1:1: unknown key `htp`/,
        /data: others may look into it \(mode 755\)/,
        /admin\.token: others may look into it \(mode 644\)/,
        /gaps\/sessions\.sqlite: logs have gaps \(s: 1 of its \d+ events are missing\)/,
        /text\/sessions\.sqlite: it is no database/
      ]) {
        assert.isTrue(
          problems.some((problem) => text.test(problem)),
          `${text} in ${problems.join("\n")}`
        )
      }
      const { code, stdout } = yield* run(["doctor", "--config", place.config, "--data", place.data])
      assert.strictEqual(code, 1)
      assert.match(stdout, /\n\d+ checks: 5 problems, \d+ warnings?\n/)
      assert.match(stdout, /to do: +chmod go-rwx/)
    })
  )

  it.live("tells of a running service which of its tenants is down, and why", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({ tenants: ["ill", "well"] }))
      yield* (yield* start(place)).kill("SIGTERM")
      writeFileSync(join(place.data, "tenants/ill/sessions.sqlite"), "no database ".repeat(1000))
      yield* start(place)
      const { problems } = yield* examine(place)
      assert.match(problems.join("\n"), /is not ready: tenant ill is .*file is not a database/)
      assert.match(problems.join("\n"), /ill\/sessions\.sqlite: it is no database/)
      assert.notMatch(problems.join("\n"), /well/)
    })
  )

  it.live("says that nothing is there where nothing is", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const { findings, problems } = yield* examine({ ...place, data: join(place.data, "nowhere") })
      assert.deepStrictEqual(problems, [])
      says(findings, /nowhere: it is not there/)
    })
  )
})
