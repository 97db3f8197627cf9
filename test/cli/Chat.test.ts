import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { run } from "../support/Command.ts"
import { png } from "../support/Pictures.ts"
import { at, RunningApp } from "../support/RunningApp.ts"

/** Whatever the rules on commands are, this one needs a person's consent. */
const dangerous = "run: rm -rf ./nothing-here"

const chat = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, ...args: ReadonlyArray<string>) {
  const { admin, url } = yield* RunningApp
  const stdin = lines.map((line) => `${line}\n`).join("")
  return yield* run(["chat", "--url", url, "--token", admin, ...args], { stdin })
})

layer(RunningApp.layer, { excludeTestServices: true })("fiberclaw chat", (it) => {
  it.effect("answers line by line, with nothing but the answers on stdout", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* chat(["say: one", "", "slow: 3", "/quit", "say: never"])
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, "one\nword1 word2 word3\n")
      assert.match(stderr, /^default\/main, session terminal-[0-9a-f]{8}\. Type a message/)
    })
  )

  it.effect("goes on with a session, and ends with its input", () =>
    Effect.gen(function* () {
      yield* chat(["my name is Ada"], "--session", "ada")
      const { code, stdout } = yield* chat(["recall"], "--session", "ada")
      assert.deepStrictEqual([code, stdout], [0, "You told me earlier:\n\n1. my name is Ada\n"])
    })
  )

  it.effect("says what the session is called, if it is", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* chat(["say: hello"], "--session", "titled")
      yield* call("PATCH", "/api/v1/tenants/default/sessions/titled", { body: { name: "My plans" } })
      const { stderr } = yield* chat(["/quit"], "--session", "titled")
      assert.match(stderr, /^default\/main, session titled \(My plans\)\. Type a message/)
    })
  )

  it.effect("sends files along with the first thing said, if they are what models are shown", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const folder = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      const [dot, notes, program] = [`${folder}/dot.png`, `${folder}/notes.md`, `${folder}/program`]
      yield* FileSystem.FileSystem.use((fs) =>
        Effect.all([
          fs.writeFile(dot, png),
          fs.writeFileString(notes, "# Notes"),
          fs.writeFile(program, Buffer.from("\x7fELF\0"))
        ])
      )
      const lines = ["say: one", "say: two"]
      const sent = yield* chat(lines, "--session", "shown", "--file", dot, "--file", notes)
      assert.deepStrictEqual([sent.code, sent.stdout], [0, "one\ntwo\n"], sent.stderr)
      const { json } = yield* call("GET", "/api/v1/tenants/default/sessions/shown/events")
      const messages = (at(json, "events") as ReadonlyArray<object>).filter(
        (event) => at(event, "type") === "MessageAccepted"
      )
      assert.deepStrictEqual(
        messages.map((message) =>
          [0, 1].map((nth) => [at(message, "files", nth, "name"), at(message, "files", nth, "mediaType")])
        ),
        [
          [
            ["dot.png", "image/png"],
            ["notes.md", "text/plain"]
          ],
          [
            [undefined, undefined],
            [undefined, undefined]
          ]
        ]
      )
      const refused = yield* chat(lines, "--file", program)
      assert.deepStrictEqual([refused.code, refused.stdout], [1, ""])
      assert.match(refused.stderr, /program is none of what models are shown: image\/jpeg, /)
      const missing = yield* chat(lines, "--file", `${folder}/nothing`)
      assert.strictEqual(missing.code, 1)
      assert.match(missing.stderr, /nothing cannot be read/)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("asks for consent, once, for always or not at all", () =>
    Effect.gen(function* () {
      const { logUntil } = yield* RunningApp
      const { code, stderr, stdout } = yield* chat(
        [dangerous, "n", dangerous, "a", dangerous, dangerous],
        "--session",
        "consent"
      )
      assert.strictEqual(code, 0, stderr)
      assert.lengthOf(stderr.match(/exec asks: .*rm -rf \.\/nothing-here/g) ?? [], 2)
      assert.match(stdout, /A person refused this call/)
      assert.lengthOf(stdout.match(/^> exec rm -rf \.\/nothing-here$/gm) ?? [], 3)
      const once = yield* chat([dangerous, "Yes"], "--session", "consent-once")
      assert.match(once.stdout, /^> exec rm/m)
      const log = yield* logUntil("consent-once", "TurnEnded")
      assert.strictEqual(
        at(
          log.find(({ type }) => type === "ApprovalSettled"),
          "verdict"
        ),
        "allow"
      )
    })
  )

  it.effect("leaves an approval open when nobody is there to give it", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* chat([dangerous])
      assert.strictEqual(code, 1)
      assert.match(stderr, /the turn waits for an approval; nobody is here to give it\n$/)
    })
  )

  it.effect("shows why a turn failed, and what the service refuses", () =>
    Effect.gen(function* () {
      const failed = yield* chat(["fail: authentication", "say: still here"])
      assert.deepStrictEqual([failed.code, failed.stdout.split("\n").at(-2)], [0, "still here"])
      assert.match(failed.stdout, /^! authentication: .*told to fail with authentication$/m)
      const last = yield* chat(["say: hello", "fail: overloaded"])
      assert.deepStrictEqual([last.code, last.stderr.split("\n").at(-2)], [1, "the last turn failed"])
      const refused = yield* chat(["Hi"], "--agent", "nobody")
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /! there is no agent nobody\n$/)
      const elsewhere = yield* chat(["Hi"], "--tenant", "nowhere")
      assert.strictEqual(elsewhere.code, 1)
      assert.match(elsewhere.stderr, /there is no tenant nowhere/)
    })
  )

  it.effect("helps, and says when there is nothing to cancel", () =>
    Effect.gen(function* () {
      const { stderr } = yield* chat(["say: something", "/help", "/cancel"])
      assert.lengthOf(stderr.match(/Type a message and Enter/g) ?? [], 2)
      assert.match(stderr, /nothing is running\n$/)
    })
  )

  it.effect("prints every event as JSON when asked to", () =>
    Effect.gen(function* () {
      const { stdout } = yield* chat(["say: one"], "--json")
      const events = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      const types = events.map(({ type }) => type).filter((type) => type !== "TextDelta")
      assert.deepStrictEqual(types, ["MessageAccepted", "TurnStarted", "ModelCalled", "ModelReplied", "TurnEnded"])
    })
  )

  it.effect("finds the service by its data folder, and says when its token is refused", () =>
    Effect.gen(function* () {
      const { data, url } = yield* RunningApp
      const found = yield* run(["chat", "--data", data, "--url", url], { stdin: "say: found\n" })
      assert.deepStrictEqual([found.code, found.stdout], [0, "found\n"])
      const refused = yield* run(["chat", "--url", url, "--token", "guessed"], { stdin: "Hi\n" })
      assert.deepStrictEqual(
        [refused.code, refused.stderr],
        [1, "send a valid token as `Authorization: Bearer TOKEN`\n"]
      )
    })
  )
})

describe("fiberclaw chat without a service", () => {
  it.effect("says how to get one", () =>
    Effect.gen(function* () {
      const data = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      const lost = yield* run(["chat", "--data", data, "--url", "http://127.0.0.1:9", "--token", "t"])
      assert.strictEqual(lost.code, 1)
      assert.strictEqual(
        lost.stderr,
        "no service answers at http://127.0.0.1:9: start it with `npm start`, or name another with --url\n"
      )
      const stranger = yield* run(["chat", "--data", data])
      assert.strictEqual(stranger.code, 1)
      assert.match(stranger.stderr, /^there is no token in .*: give one with --token/)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
