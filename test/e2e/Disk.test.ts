/**
 * Disks and databases that fail, under the real service: what goes wrong is said, what was acknowledged is kept, other
 * tenants go on, and so does the one in trouble once the fault is over.
 */
import { spawnSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { examine } from "../../src/sessions/sql/Inspection.ts"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation, nodeAt, saidIn } from "../support/Conversation.ts"
import {
  failingSync,
  fill,
  limitFiles,
  makeRoom,
  mayCompile,
  mayLimit,
  mayMount,
  mounted,
  remount
} from "../support/Disk.ts"
import { folder, launch, makePlace, type Place, type Service, start } from "../support/Service.ts"

const file = fileURLToPath(new URL("../../scripts/fiberclaw.js", import.meta.url))

/** One tenant is in trouble, the other is not. */
const files = filesOf({ tenants: ["ill", "well"] })

const tenantFolder = ({ data }: Place, tenant: string) => join(data, "tenants", tenant)
const databaseOf = (place: Place, tenant: string) => join(tenantFolder(place, tenant), "sessions.sqlite")

const with_ = (service: Service, session: string, tenant = "ill") => conversation(service, session, { tenant })

/** Says something in a session named after it, and waits for the answer. */
const talk = (service: Service, text: string, tenant?: string) => with_(service, text, tenant).talk(`say: ${text}`)

/** Another tenant's agent still answers. */
const othersGoOn = Effect.fnUntraced(function* (service: Service, text: string) {
  assert.deepStrictEqual(saidIn(yield* talk(service, text, "well")), [text])
})

/** What is sent to the tenant is refused with 503 and this reason. */
const refused = Effect.fnUntraced(function* (service: Service, session: string, reason: RegExp) {
  const { body, headers, status } = yield* with_(service, session).send(`say: ${session}`)
  assert.strictEqual(status, 503, JSON.stringify(body))
  assert.include(headers.get("content-type"), "application/problem+json")
  assert.match(JSON.stringify(body), reason)
  return session
})

/** Sends messages until one is refused; the sessions of those that were accepted. */
const sendUntilRefused = Effect.fnUntraced(function* (service: Service, reason: RegExp) {
  const accepted: Array<string> = []
  for (;;) {
    const session = `more-${accepted.length}`
    const { body, status } = yield* with_(service, session).send(`say: ${session}`)
    if (status !== 202) {
      assert.strictEqual(status, 503)
      assert.match(JSON.stringify(body), reason)
      return accepted
    }
    accepted.push(session)
  }
})

/** Kills the service, reads the file itself, starts it again, and finds that each of these was answered once. */
const allThereAfterwards = Effect.fnUntraced(function* (service: Service, accepted: ReadonlyArray<string>) {
  yield* service.kill("SIGKILL")
  const restarted = yield* start(service.place)
  for (const session of accepted) {
    yield* with_(restarted, session).first("TurnEnded")
    assert.deepStrictEqual(saidIn(yield* with_(restarted, session).events), [session])
  }
  yield* restarted.kill("SIGKILL")
  const request = { file: databaseOf(service.place, "ill"), after: null, budget: 1_000_000, deep: true }
  const { breaches, sessions } = examine(request)
  assert.deepStrictEqual(breaches, [])
  assert.isAtLeast(sessions, accepted.length)
})

/** A place in which the tenant has been told things and the service has stopped in order. */
const lived = Effect.fnUntraced(function* (said: ReadonlyArray<string>) {
  const place = yield* makePlace(files)
  const service = yield* start(place)
  for (const text of said) yield* talk(service, text)
  yield* service.kill("SIGTERM")
  return place
})

/** Brings the tenant back once its fault is over, and waits until it is up. */
const revive = Effect.fnUntraced(function* (service: Service) {
  const { status } = yield* call(service, "/api/v1/tree/restart", { body: { path: "fiberclaw/tenants/ill" } })
  assert.strictEqual(status, 200)
  yield* Effect.repeat(call(service, "/ready"), { until: (ready) => ready.status === 200 })
})

/** The tenant does not come up, and everybody who asks is told why. */
const isDown = Effect.fnUntraced(function* (service: Service, reason: RegExp) {
  const ready = yield* call(service, "/ready")
  assert.strictEqual(ready.status, 503)
  assert.match(JSON.stringify(ready.body), reason)
  const { reason: logged } = yield* service.logged("child exited")
  assert.match(String(logged), reason)
  const node = yield* nodeAt(service, "fiberclaw/tenants/ill")
  assert.include(["backing off", "starting", "parked"], node?.state)
  assert.match(String(node?.lastExit?.reason), reason)
  yield* refused(service, "refused", reason)
  yield* othersGoOn(service, "unharmed")
})

const damage = (path: string, page: number) => {
  const opened = openSync(path, "r+")
  writeSync(opened, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096)
  closeSync(opened)
}

const inDatabase = <A>(path: string, use: (database: DatabaseSync) => A): A => {
  const database = new DatabaseSync(path)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

const becomeNewer = (path: string, table: string) =>
  inDatabase(path, (database) => database.exec(`INSERT INTO ${table} (migration_id, name) VALUES (99, 'tomorrow')`))

const faults: ReadonlyArray<readonly [string, (path: string) => void, RegExp]> = [
  ["is no database", (path) => writeFileSync(path, "This is no database.\n".repeat(500)), /file is not a database/],
  ["has a damaged page that everything needs", (path) => damage(path, 1), /not a database|damaged/],
  [
    "was written by a newer version",
    (path) => becomeNewer(path, "sessions_migrations"),
    /version 99.* newer fiberclaw/i
  ]
]

describe("A tenant whose database", () => {
  it.live.each(faults)("%s is down, with the reason, until the file is whole again", ([, spoil, reason]) =>
    Effect.gen(function* () {
      const place = yield* lived(["kept"])
      const path = databaseOf(place, "ill")
      copyFileSync(path, `${path}.whole`)
      spoil(path)
      const service = yield* start(place)
      yield* isDown(service, reason)
      copyFileSync(`${path}.whole`, path)
      yield* revive(service)
      assert.deepStrictEqual(saidIn(yield* talk(service, "again")), ["again"])
      yield* allThereAfterwards(service, ["kept", "again"])
    })
  )

  it.live("has a damaged page in one session's log goes on with the others", () =>
    Effect.gen(function* () {
      const long = "a long story ".repeat(400).trim()
      const place = yield* lived([])
      const first = yield* start(place)
      yield* with_(first, "damaged").talk(`say: ${long}`)
      yield* with_(first, "whole").talk("say: whole")
      yield* first.kill("SIGTERM")
      const path = databaseOf(place, "ill")
      const page = inDatabase(path, (database) =>
        database.prepare("SELECT MIN(pageno) AS page FROM dbstat WHERE name = 'events' AND pagetype = 'overflow'").get()
      )
      damage(path, Number(page?.["page"]))
      const service = yield* start(place)
      assert.deepStrictEqual(saidIn(yield* with_(service, "whole").events), ["whole"])
      const { body, status } = yield* call(service, "/api/v1/tenants/ill/sessions/damaged/events")
      assert.strictEqual(status, 503)
      assert.match(JSON.stringify(body), /cannot be read|damaged/)
      assert.deepStrictEqual(saidIn(yield* talk(service, "new")), ["new"])
      yield* othersGoOn(service, "unharmed")
    })
  )

  it.live("ends in a write that was torn loses nothing it has acknowledged", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      const service = yield* start(place)
      for (const text of ["one", "two"]) yield* talk(service, text)
      yield* service.kill("SIGKILL")
      // The first half of the next frame of the write-ahead log (https://sqlite.org/fileformat2.html#walformat).
      appendFileSync(`${databaseOf(place, "ill")}-wal`, Buffer.alloc(24 + 2048, 0x5a))
      const restarted = yield* start(place)
      for (const text of ["one", "two"]) {
        assert.deepStrictEqual(saidIn(yield* with_(restarted, text).events), [text])
      }
      assert.deepStrictEqual(saidIn(yield* talk(restarted, "three")), ["three"])
      yield* allThereAfterwards(restarted, ["one", "two", "three"])
    })
  )
})

describe.skipIf(!mayCompile)("A tenant whose disk fails to sync", () => {
  it.live("accepts nothing meanwhile, and goes on afterwards", () =>
    Effect.gen(function* () {
      const fault = yield* failingSync(yield* folder, "/tenants/ill/")
      const place = yield* makePlace(files)
      const service = yield* start(place, { file, env: fault.env })
      yield* talk(service, "before")
      yield* fault.begin
      yield* refused(service, "lost", /the disk failed to read or write the database/)
      yield* refused(service, "lost-again", /the disk failed/)
      yield* othersGoOn(service, "unharmed")
      yield* fault.end
      assert.strictEqual((yield* call(service, "/api/v1/tenants/ill/sessions/lost")).status, 404)
      assert.deepStrictEqual(saidIn(yield* talk(service, "after")), ["after"])
      yield* allThereAfterwards(service, ["before", "after"])
    })
  )
})

describe.skipIf(!mayMount)("A tenant whose own disk", () => {
  it.live("is full accepts nothing it cannot keep, and goes on when there is room", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      yield* mounted(tenantFolder(place, "ill"))
      const service = yield* start(place)
      yield* talk(service, "before")
      yield* fill(tenantFolder(place, "ill"))
      const accepted = yield* sendUntilRefused(service, /disk is full/)
      yield* othersGoOn(service, "unharmed")
      yield* makeRoom(tenantFolder(place, "ill"))
      assert.deepStrictEqual(saidIn(yield* talk(service, "after")), ["after"])
      for (const session of accepted) yield* with_(service, session).first("TurnEnded")
      yield* allThereAfterwards(service, ["before", ...accepted, "after"])
    })
  )

  it.live("is read-only is down, with the reason, until it can be written", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      const disk = tenantFolder(place, "ill")
      yield* mounted(disk)
      const first = yield* start(place)
      yield* talk(first, "kept")
      yield* first.kill("SIGTERM")
      yield* remount(disk, "ro")
      const service = yield* start(place)
      yield* isDown(service, /read-only|cannot be opened/)
      yield* remount(disk, "rw")
      yield* revive(service)
      assert.deepStrictEqual(saidIn(yield* talk(service, "again")), ["again"])
      yield* allThereAfterwards(service, ["kept", "again"])
    })
  )
})

describe.skipIf(!mayLimit)("A tenant whose files may not grow", () => {
  it.live("accepts nothing meanwhile, and goes on afterwards", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      const service = yield* start(place)
      yield* talk(service, "before")
      yield* limitFiles(service.pid, 1024)
      yield* refused(service, "too-much", /the disk/)
      assert.strictEqual((yield* call(service, "/health")).status, 200)
      yield* limitFiles(service.pid, "unlimited")
      assert.deepStrictEqual(saidIn(yield* talk(service, "after")), ["after"])
      yield* allThereAfterwards(service, ["before", "after"])
    })
  )
})

const own: ReadonlyArray<readonly [string, (path: string) => void, RegExp]> = [
  ["is no database", (path) => writeFileSync(path, "nothing".repeat(1000)), /file is not a database/],
  ["has a damaged page", (path) => damage(path, 1), /not a database|damaged/],
  ["was written by a newer version", (path) => becomeNewer(path, "token_migrations"), /version 99.* newer fiberclaw/i]
]

/** One sentence, and no stack. */
const isOneSentence = (errors: string, sentence: RegExp) => {
  assert.match(errors, sentence)
  assert.strictEqual(errors.trim().split("\n").length, 1, errors)
}

describe("A service whose own database", () => {
  it.live.each(own)("%s does not start, and says why in one sentence", ([, spoil, reason]) =>
    Effect.gen(function* () {
      const place = yield* lived([])
      spoil(join(place.data, "fiberclaw.sqlite"))
      const { code, errors } = yield* (yield* launch(place)).ended
      assert.strictEqual(code, 1)
      isOneSentence(errors, reason)
      assert.include(errors, place.data)
      assert.include(errors, "fiberclaw doctor")
    })
  )

  it.live("ends in a torn write starts as if that write had never been", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      const service = yield* start(place)
      yield* service.kill("SIGKILL")
      appendFileSync(join(place.data, "fiberclaw.sqlite-wal"), Buffer.alloc(1000, 0x5a))
      const restarted = yield* start(place)
      assert.strictEqual(restarted.token, service.token)
      yield* othersGoOn(restarted, "unharmed")
    })
  )
})

describe.skipIf(!mayMount)("A service whose data folder is on a read-only disk", () => {
  it.live("does not start, and says why in one sentence", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      yield* mounted(place.data)
      yield* (yield* start(place)).kill("SIGTERM")
      yield* remount(place.data, "ro")
      const { code, errors } = yield* (yield* launch(place)).ended
      assert.strictEqual(code, 1)
      isOneSentence(errors, /^the data folder .* cannot be written: /)
    })
  )
})

describe("A service whose data folder belongs to somebody else", () => {
  it.live("does not start, and says why in one sentence", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(files)
      // Whoever may write anywhere has to be somebody else.
      const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
      mkdirSync(place.data, { recursive: true, mode: 0o500 })
      chmodSync(dirname(place.data), 0o755)
      chmodSync(place.data, 0o555)
      const args = [file, "serve", "--config", place.config, "--data", place.data, "--port", "0"]
      const env = { PATH: process.env["PATH"], NODE_COMPILE_CACHE: join(dirname(place.data), "cache") }
      const { status, stderr } = spawnSync(process.execPath, args, { ...nobody, env, encoding: "utf8" })
      chmodSync(place.data, 0o700)
      rmSync(place.data, { recursive: true })
      assert.strictEqual(status, 1, stderr)
      isOneSentence(stderr, /^the data folder .* cannot be written: /)
    })
  )
})
