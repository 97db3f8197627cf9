import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Server from "../support/AnthropicServer.ts"
import { at, RunningApp } from "../support/RunningApp.ts"

const refused = Server.failure(401, "authentication_error", "invalid x-api-key")
const hello = Server.events(Server.reply({ text: "Hello" }))

const filesOf = (url: string) => ({
  "fiberclaw.yaml": "drain: 10 millis\n",
  "tenants/default/tenant.yaml": `name: Somebody
providers:
  claude:
    kind: anthropic
    apiKey: sk-wrong
    moreKeys: [sk-right]
    baseUrl: ${url}
    limits: { requestsPerMinute: 1 }
    breaker: { open: 1 hour, cap: 1 hour }
`,
  "tenants/default/agents/main.yaml": "model: claude/claude-test\ninstructions: Be kind.\n",
  "tenants/default/agents/second.yaml": "model: claude/claude-test\ninstructions: Be kind.\n"
})

it.live("A tenant shows which of its keys are left alone, and who waits for room", () =>
  Effect.gen(function* () {
    const server = yield* Server.make(({ headers }) => (headers.authorization === "Bearer sk-wrong" ? refused : hello))
    yield* Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      const view = Effect.map(call("GET", "/api/v1/tenants/default"), ({ json }) => at(json, "providers", 0))
      assert.deepStrictEqual(yield* view, { name: "claude", health: [], paused: [], waiting: [] })

      yield* say("first", "Hi")
      yield* logUntil("first", "TurnEnded")
      const [wrong, right] = at(yield* view, "health") as ReadonlyArray<Record<string, unknown>>
      assert.deepInclude(wrong ?? {}, {
        key: "key 1",
        model: "claude-test",
        state: "open",
        reason: "authentication"
      })
      assert.isAbove(Date.parse(String(wrong?.["until"])), Date.now())
      assert.deepStrictEqual(right, { key: "key 2", model: "claude-test", state: "closed" })

      yield* say("second", "Hi")
      let waiting: unknown
      while (waiting === undefined) waiting = at(yield* view, "waiting", 0)
      assert.include(waiting as object, { session: "second", reason: "requests" })
      assert.strictEqual(
        Date.parse(String(at(waiting, "until"))) - Date.parse(String(at(waiting, "since"))),
        5 * 60_000
      )
    }).pipe(Effect.provide(RunningApp.layerWith({ files: filesOf(server.url) })))
  })
)
