import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "../support/Command.ts"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation, saidIn, tokenFor } from "../support/Conversation.ts"
import { makePlace, type Place, type Service, start } from "../support/Service.ts"

const at = ({ data }: Place) => ["--data", data]

/** Runs a command that has to succeed; what it printed as JSON. */
const succeeds = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* run([...args, "--json"])
  assert.strictEqual(code, 0, stderr)
  return JSON.parse(stdout)
})

const fails = Effect.fnUntraced(function* (args: ReadonlyArray<string>, sentence: RegExp) {
  const { code, stderr } = yield* run(args)
  assert.strictEqual(code, 1, stderr)
  assert.match(stderr, sentence)
  assert.notMatch(stderr, /\n\s+at |\.ts:/)
})

/** What a session has been answered. */
const answers = (service: Service, session: string) => Effect.map(conversation(service, session).events, saidIn)

const beside = ({ data }: Place) => readdirSync(dirname(data)).filter((name) => name.startsWith("data."))

describe("fiberclaw backup and restore", () => {
  it.live("bring back what a running service had when the backup was made", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "first").talk("say: first")
      yield* conversation(service, "tool").talk("run: echo kept > note")
      const workspace = join(place.data, "tenants/default/workspaces/main")
      symlinkSync("/etc/hostname", join(workspace, "outside"))
      const to = join(dirname(place.data), "elsewhere")
      const made = yield* succeeds(["backup", ...at(place), "--to", to])
      assert.strictEqual(dirname(made.folder), to)
      assert.deepStrictEqual(readdirSync(to), [made.name])
      assert.isFalse(existsSync(join(made.folder, "tenants/default/workspaces/main/outside")))
      yield* conversation(service, "first").talk("say: second")
      yield* fails(["restore", made.folder, ...at(place), "--yes"], /in use by another fiberclaw/)
      yield* service.kill("SIGTERM")

      yield* fails(["restore", made.folder, ...at(place)], /say --yes/)
      const restored = yield* succeeds(["restore", made.folder, ...at(place), "--yes"])
      assert.isTrue(existsSync(join(restored.former, "fiberclaw.sqlite")))
      assert.strictEqual(readFileSync(join(workspace, "note"), "utf8"), "kept\n")
      assert.deepStrictEqual(readdirSync(join(place.data, "backups")), [made.name])
      const again = yield* start(place)
      assert.strictEqual(again.token, service.token)
      assert.deepStrictEqual(yield* answers(again, "first"), ["first"])
      assert.deepStrictEqual(saidIn(yield* conversation(again, "first").talk("say: third")), ["first", "third"])
    })
  )

  it.live("need no service", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "kept").talk("say: kept")
      yield* service.kill("SIGKILL")
      const { folder } = yield* succeeds(["backup", ...at(place)])
      assert.strictEqual(dirname(folder), join(place.data, "backups"))
      const other: Place = { ...place, data: join(dirname(place.data), "other") }
      yield* succeeds(["restore", folder, ...at(other), "--yes"])
      const restored = yield* start(other)
      assert.deepStrictEqual(yield* answers(restored, "kept"), ["kept"])
    })
  )

  it.live("change nothing when the backup is not whole, or the place cannot be written", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      yield* (yield* start(place)).kill("SIGTERM")
      const { folder } = yield* succeeds(["backup", ...at(place)])
      yield* fails(["restore", dirname(folder), ...at(place), "--yes"], /there is no manifest\.json in it/)
      const link = join(dirname(place.data), "link")
      symlinkSync(place.data, link)
      yield* fails(["restore", folder, "--data", link, "--yes"], /link is a link: name the folder it leads to/)
      writeFileSync(join(folder, "admin.token"), "another\n")
      yield* fails(["restore", folder, ...at(place), "--yes"], /its admin\.token was changed/)
      rmSync(join(folder, "manifest.json"))
      yield* fails(["restore", folder, ...at(place), "--yes"], /is no backup that can be used/)
      assert.deepStrictEqual(beside(place), [])
      yield* fails(["backup", "--data", dirname(place.data)], /there is nothing to back up in/)
      yield* fails(["backup", ...at(place), "--to", join(place.data, "tenants/default")], /is part of what is to be/)
      symlinkSync(join(place.data, "tenants/default"), join(place.data, "tenants/linked"))
      yield* fails(["backup", ...at(place)], /tenants\/linked cannot be copied: .* is a link/)
      yield* fails(["backup", ...at(place), "--to", join(folder, "admin.token")], /the backup cannot be written/)
      assert.deepStrictEqual(readdirSync(join(place.data, "backups")), [basename(folder)])
    })
  )

  it.live("restore over a database that is damaged", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "kept").talk("say: kept")
      yield* service.kill("SIGTERM")
      const { folder } = yield* succeeds(["backup", ...at(place)])
      writeFileSync(join(place.data, "fiberclaw.sqlite"), "damaged ".repeat(1000))
      yield* succeeds(["restore", folder, ...at(place), "--yes"])
      assert.deepStrictEqual(yield* answers(yield* start(place), "kept"), ["kept"])
    })
  )

  it.live("finish, with the next start, a restore that was cut off in its last step", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "kept").talk("say: kept")
      yield* service.kill("SIGTERM")
      const { folder } = yield* succeeds(["backup", ...at(place), "--to", join(dirname(place.data), "elsewhere")])
      const other: Place = { ...place, data: join(dirname(place.data), "other") }
      yield* succeeds(["restore", folder, "--data", `${other.data}.restored`, "--yes"])
      const restarted = yield* start(other)
      yield* restarted.logged("a restore that was cut off is complete")
      assert.deepStrictEqual(yield* answers(restarted, "kept"), ["kept"])
    })
  )
})

describe("Backups over HTTP", () => {
  it.live("are for administrators of everything, and listed with what became of them", () =>
    Effect.gen(function* () {
      const service = yield* start(yield* makePlace(filesOf({})))
      const path = "/api/v1/backups"
      const token = yield* tokenFor(service, "default")
      for (const method of ["GET", "POST"])
        assert.strictEqual((yield* call(service, path, { method, token })).status, 403)
      assert.deepStrictEqual((yield* call(service, path)).body, { backups: [] })
      const begun = yield* call(service, path, { method: "POST" })
      assert.strictEqual(begun.status, 202)
      const made = yield* service.logged("backup made")
      const { body } = yield* call(service, path)
      assert.nestedPropertyVal(body, "backups[0].state", "complete")
      assert.nestedPropertyVal(body, "backups[0].folder", made["folder"])
    })
  )

  it.live("are tidied up at a start, where one was cut off", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const cut = join(place.data, "backups/2026-01-01T00-00-00.000Z.partial/tenants")
      mkdirSync(cut, { recursive: true })
      yield* start(place)
      assert.deepStrictEqual(readdirSync(join(place.data, "backups")), [])
    })
  )

  it.live("fail as a whole when something cannot be read, and leave nothing", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const service = yield* start(place)
      rmSync(join(place.data, "admin.token"))
      symlinkSync("/etc/hostname", join(place.data, "admin.token"))
      yield* call(service, "/api/v1/backups", { method: "POST" })
      const { reason } = yield* service.logged("backup failed")
      assert.match(String(reason), /admin\.token cannot be copied: .* is a link/)
      assert.deepStrictEqual(readdirSync(join(place.data, "backups")), [])
      assert.nestedPropertyVal((yield* call(service, "/api/v1/backups")).body, "backups[0].detail", reason)
    })
  )
})
