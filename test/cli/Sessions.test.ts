import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { run, start } from "../support/Command.ts"
import { RunningApp } from "../support/RunningApp.ts"

const env = { TZ: "UTC" }

const sessions = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin = "") {
  const { admin, url } = yield* RunningApp
  return yield* run(["sessions", ...args, "--url", url, "--token", admin], { stdin, env })
})

/** What a command that has to succeed prints. */
const printed = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin = "") {
  const { code, stderr, stdout } = yield* sessions(args, stdin)
  assert.strictEqual(code, 0, stderr)
  return stdout
})

const failed = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin = "") {
  const { code, stderr, stdout } = yield* sessions(args, stdin)
  assert.deepStrictEqual([code, stdout], [1, ""])
  return stderr
})

const talk = Effect.fnUntraced(function* (session: string, text: string) {
  const { logUntil, say } = yield* RunningApp
  yield* say(session, text)
  return yield* logUntil(session, "TurnEnded")
})

const world = Layer.merge(RunningApp.layer, NodeServices.layer)

layer(world, { excludeTestServices: true })("fiberclaw sessions", (it) => {
  it.effect("lists, pages and says how to go on", () =>
    Effect.gen(function* () {
      for (const id of ["a-1", "a-2", "a-3"]) yield* talk(id, "say: hello")
      const { code, stderr, stdout } = yield* sessions(["list", "--named", "a-", "--limit", "2"])
      assert.strictEqual(code, 0, stderr)
      const lines = stdout.trimEnd().split("\n")
      assert.match(lines[0] ?? "", /^SESSION +AGENT +EVENTS +LAST WRITTEN +STATE +NAME$/)
      assert.match(lines[1] ?? "", /^a-3 +main +5 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +at rest$/)
      assert.match(lines[2] ?? "", /^a-2 /)
      const [, hint = ""] = /^more: fiberclaw sessions (.*)$/m.exec(stderr) ?? []
      const [, after = ""] = /--after '(.*)'$/.exec(hint) ?? []
      assert.include(hint, "--named a-")
      assert.match(yield* printed(["list", "--named", "a-", "--after", after]), /^SESSION .*\na-1 [^\n]*\n$/)
      const json = JSON.parse(yield* printed(["list", "--by-id", "--named", "a-", "--json"]))
      assert.deepStrictEqual(
        json.sessions.map(({ id }: { readonly id: string }) => id),
        ["a-1", "a-2", "a-3"]
      )
      assert.match((yield* sessions(["list", "--named", "zzz"])).stderr, /there is no such session/)
    })
  )

  it.effect("shows a session with its last events, and nothing a terminal would obey", () =>
    Effect.gen(function* () {
      yield* talk("shown", "say: one\u001b[31m two")
      const text = yield* printed(["show", "shown", "--events", "2"])
      assert.match(text, /^session +shown\nagent +main\n/)
      assert.match(text, /\n\n#4 +\S+ \S+ {2}ModelReplied +one \[31m two\n#5 .* TurnEnded +completed\n$/)
      assert.notInclude(text, "\u001b")
      const json = JSON.parse(yield* printed(["show", "shown", "--after", "3", "--json"]))
      assert.strictEqual(json.session.id, "shown")
      assert.lengthOf(json.events, 2)
      assert.strictEqual(yield* failed(["show", "nobody"]), "there is no session nobody\n")
    })
  )

  it.effect("finds what was said", () =>
    Effect.gen(function* () {
      yield* talk("searched", "say: a purple elephant")
      const text = yield* printed(["search", "purple", "elephant"])
      assert.match(text, /^searched #\d +\S+ \S+ +(MessageAccepted|ModelReplied) +.*purple elephant/)
      assert.match((yield* sessions(["search", "unheard-of"])).stderr, /nothing was found/)
      assert.strictEqual((yield* sessions(["search"])).code, 2)
    })
  )

  it.effect("names, sets, pins and takes it all away again", () =>
    Effect.gen(function* () {
      yield* talk("mine", "say: hello")
      assert.match(yield* printed(["rename", "mine", "My own"]), /\nname +My own\n/)
      assert.match(
        yield* printed(["set", "mine", "--model", "demo/other", "--mid-turn", "queue"]),
        /model +demo\/other\nmid-turn +queue/
      )
      assert.notMatch(yield* printed(["set", "mine", "--model", "default", "--mid-turn", "default"]), /model|mid-turn/)
      assert.notMatch(yield* printed(["rename", "mine"]), /\nname/)
      assert.strictEqual(yield* printed(["pin", "mine", "1"]), "event 1 is pinned\n")
      assert.strictEqual(yield* printed(["unpin", "mine", "1"]), "event 1 is not pinned\n")
      assert.match(yield* failed(["pin", "mine", "2"]), /holds nothing that was said/)
      assert.match(yield* failed(["set", "mine"]), /^nothing to set: give --model or --mid-turn\n$/)
      assert.match(yield* failed(["set", "mine", "--model", "nowhere/x"]), /^there is no model nowhere\/x/)
    })
  )

  it.effect("forks, sends and cancels", () =>
    Effect.gen(function* () {
      const { logUntil } = yield* RunningApp
      yield* talk("branch", "say: hello")
      const forked = yield* printed(["fork", "branch", "--at", "1", "--into", "twig"])
      assert.match(forked, /^session +twig\n[\s\S]*forked from +branch at event 1\n$/)
      assert.match(yield* failed(["fork", "branch", "--at", "9"]), /can be forked at events 1 to 5/)
      assert.match(
        yield* printed(["send", "twig-2", "slow: 10000", "--agent", "main"]),
        /^event 1 of session twig-2, in turn_/
      )
      assert.match(yield* printed(["cancel", "twig-2"]), /^turn_\w+ is cancelled\n$/)
      yield* logUntil("twig-2", "TurnEnded")
      assert.strictEqual(yield* printed(["cancel", "twig-2"]), "nothing runs or waits\n")
      assert.match(yield* failed(["send", "twig-3", "hello"]), /say which agent it is with/)
    })
  )

  it.effect("carries a session out, deletes it and brings it back", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const file = `${folder}/carried.jsonl`
      yield* talk("carried", "say: hello")
      const text = yield* printed(["export", "carried"])
      assert.lengthOf(text.trimEnd().split("\n"), 6)
      assert.strictEqual(yield* printed(["export", "carried", "--output", file]), "")
      assert.strictEqual(yield* fs.readFileString(file), text)
      assert.match(
        yield* failed(["export", "carried", "--output", file]),
        /is there already: name another file, or give --force/
      )
      assert.strictEqual(yield* printed(["export", "carried", "--output", file, "--force"]), "")
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["carried.jsonl"])
      assert.match(yield* failed(["delete", "carried"]), /^nobody is here to be asked: give --yes/)
      assert.strictEqual(yield* printed(["delete", "carried", "--yes"]), "session carried is deleted\n")
      assert.match(yield* printed(["import", "carried", file]), /^session +carried\n/)
      assert.match(yield* failed(["import", "carried", file]), /^there is a session carried already\n$/)
      assert.match(
        yield* printed(["import", "piped", "-", "--agent", "second"], text),
        /^session +piped\nagent +second\n/
      )
      assert.match(yield* failed(["import", "bad", "-"], "nonsense\n"), /^line 1: /)
      assert.match(yield* failed(["import", "bad", `${folder}/nothing`]), /nothing cannot be read: /)
    })
  )

  it.effect("follows until the session is deleted", () =>
    Effect.gen(function* () {
      const { admin, call, say, url } = yield* RunningApp
      yield* talk("live", "say: before")
      const following = yield* start(["sessions", "follow", "live", "--after", "4", "--url", url, "--token", admin], {
        env
      })
      yield* following.logged("TurnEnded")
      yield* say("live", "say: spoken words")
      const lines = yield* following.logged("TurnEnded")
      assert.strictEqual(lines[0]?.includes("MessageAccepted"), true, lines.join("\n"))
      assert.include(lines, "spoken words")
      yield* call("DELETE", "/api/v1/tenants/default/sessions/live")
      const { code, stderr } = yield* following.ending
      assert.deepStrictEqual(
        [code, stderr],
        [0, "there is no more to follow: the session was deleted, or the service stops\n"]
      )
    })
  )
})
