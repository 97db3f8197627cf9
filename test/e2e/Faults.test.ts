/** A full disk, a folder in use, a broken configuration, a port that is taken. */
import { execFileSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Result } from "effect"
import * as Model from "../support/AnthropicServer.ts"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation, ofType, saidIn } from "../support/Conversation.ts"
import { launch, makePlace, type Place, type Service, start } from "../support/Service.ts"

const mount = () => {
  const path = mkdtempSync(join(tmpdir(), "fiberclaw-disk-"))
  const mounted = Result.try(() =>
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", path], { stdio: "ignore" })
  )
  if (Result.isSuccess(mounted)) return path
  rmdirSync(path)
  return undefined
}

const unmount = (path: string) => {
  execFileSync("umount", ["--lazy", path])
  rmdirSync(path)
}

/** Whether this machine lets us have a disk of our own. */
const mayMount = (() => {
  const path = mount()
  if (path !== undefined) unmount(path)
  return path !== undefined
})()

/** A small disk of its own for everything the service keeps. */
const placeOnDisk = Effect.fnUntraced(function* (files: Readonly<Record<string, string>>) {
  const place = yield* makePlace(files)
  const data = yield* Effect.acquireRelease(
    Effect.sync(() => mount() ?? assert.fail("no disk of its own")),
    (path) => Effect.sync(() => unmount(path))
  )
  const onDisk: Place = { ...place, data }
  return onDisk
})

const filler = ({ data }: Place) => join(data, "filler")

/** Writes until not one byte more is taken. */
const fill = (place: Place) =>
  Effect.sync(() => {
    const file = openSync(filler(place), "a")
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      while (Result.isSuccess(Result.try(() => writeSync(file, Buffer.alloc(size)))));
    }
    closeSync(file)
  })

const makeRoom = (place: Place) => Effect.sync(() => rmSync(filler(place)))

/** Sends messages until one is not accepted; the sessions of those that were, and what the last was told. */
const sendUntilRefused = Effect.fnUntraced(function* (service: Service) {
  const accepted: Array<string> = []
  for (;;) {
    const session = `full-${accepted.length}`
    const answered = yield* conversation(service, session).send(`say: ${session}`)
    if (answered.status !== 202) return { accepted, session, answered }
    accepted.push(session)
  }
})

describe.skipIf(!mayMount)("The service on a full disk", () => {
  it.live("accepts nothing it cannot keep, lives on, and goes on when there is room", () =>
    Effect.gen(function* () {
      const place = yield* placeOnDisk(filesOf({}))
      const service = yield* start(place)
      yield* conversation(service, "before").talk("say: before")
      yield* fill(place)
      const { accepted, answered, session } = yield* sendUntilRefused(service)
      assert.strictEqual(answered.status, 503)
      assert.include(answered.headers.get("content-type"), "application/problem+json")
      assert.include(JSON.stringify(answered.body), "disk is full")
      assert.strictEqual((yield* call(service, "/health")).status, 200)
      assert.strictEqual((yield* call(service, `/api/v1/tenants/default/sessions/${session}`)).status, 404)

      yield* makeRoom(place)
      const again = yield* conversation(service, session).talk("say: there is room")
      assert.deepStrictEqual(saidIn(again), ["there is room"])
      yield* service.kill("SIGKILL")
      const restarted = yield* start(place)
      for (const id of ["before", ...accepted]) {
        yield* conversation(restarted, id).first("TurnEnded")
        assert.deepStrictEqual(saidIn(yield* conversation(restarted, id).events), [id])
      }
    })
  )

  it.live("lets a running turn wait for room and then finish", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make(false)
      const model = yield* Model.make([{ ...Model.events(Model.reply({ text: "Here I am. ".repeat(2000) })), gate }])
      const place = yield* placeOnDisk(filesOf({ anthropic: model.url }))
      const service = yield* start(place)
      const talk = conversation(service, "waiting")
      const { turn } = yield* talk.say("Are you there?")
      yield* model.next
      yield* fill(place)
      yield* gate.open
      const { reason } = yield* service.logged("append waits for the store")
      assert.strictEqual(reason, "the disk is full")
      assert.isEmpty(ofType(yield* talk.events, "ModelReplied"))
      yield* makeRoom(place)
      assert.strictEqual((yield* talk.ended(turn)).outcome, "completed")
      const events = yield* talk.events
      assert.strictEqual(ofType(events, "ModelReplied").length, 1)
      assert.isEmpty(ofType(events, "TurnResumed"))
      assert.strictEqual(model.requests.length, 1)
    })
  )
})

const portTaken = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
)

describe("The service refuses to start", () => {
  it.live("in a folder that another one uses, which goes on unharmed", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const first = yield* start(place)
      const second = yield* launch(place)
      const { code, errors } = yield* second.ended
      assert.strictEqual(code, 1)
      assert.include(errors, "in use by another fiberclaw")
      assert.deepStrictEqual(saidIn(yield* conversation(first, "unharmed").talk("say: unharmed")), ["unharmed"])
    })
  )

  it.live("with faults in its configuration, all of which it names", () =>
    Effect.gen(function* () {
      const files = filesOf({})
      const place = yield* makePlace({
        ...files,
        "fiberclaw.yaml": "drain: soon\nhttp: { prot: 1 }\n",
        "tenants/default/agents/other.yaml": "model: nobody/nothing\ninstructions: None.\ntools: [hammer]\n"
      })
      const { code, errors } = yield* (yield* launch(place)).ended
      assert.strictEqual(code, 1)
      for (const part of ["fiberclaw.yaml:1", "fiberclaw.yaml:2", "prot", "other.yaml:1", "other.yaml:3", "hammer"]) {
        assert.include(errors, part)
      }
      assert.include(errors, "nothing was started")
    })
  )

  it.live("on a port that is taken", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      const { port } = (yield* portTaken).address() as AddressInfo
      const { code, errors } = yield* (yield* launch(place, port)).ended
      assert.strictEqual(code, 1)
      assert.include(errors, `port ${port} on 127.0.0.1 is in use`)
    })
  )
})
