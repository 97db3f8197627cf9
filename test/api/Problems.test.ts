import { DatabaseSync } from "node:sqlite"
import * as Http from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, at, type CallOptions, RunningApp } from "../support/RunningApp.ts"

const sessions = "/api/v1/tenants/default/sessions"
const messages = `${sessions}/problems/messages`
const most = 4096

const files = {
  "fiberclaw.yaml": `http: { maxBodyBytes: ${most} }\n`,
  "tenants/other/tenant.yaml": "name: Other\nlimits: { sessions: 1 }\nproviders:\n  demo: { kind: scripted }\n"
}

/** Whatever goes wrong looks like this. */
const assertProblem = ({ headers, json, text }: Answer, status: number, title: string) => {
  assert.strictEqual(headers["content-type"], "application/problem+json", text)
  assert.include(json as object, { type: "about:blank", status, title })
  assert.isNotEmpty(at(json, "detail"))
  assert.notMatch(text, /\n\s+at |node_modules|\.ts\b/)
}

interface Case {
  readonly name: string
  readonly call: readonly [method: string, path: string, options?: CallOptions]
  readonly answer: readonly [status: number, title: string, detail: RegExp]
}

const bad = "Bad Request"
const missing = "Not Found"

const cases: ReadonlyArray<Case> = [
  { name: "an unknown path", call: ["GET", "/nowhere"], answer: [404, missing, /^there is nothing here$/] },
  { name: "a path that is no text", call: ["GET", "/api/%zz"], answer: [404, missing, /^there is nothing here$/] },
  { name: "a wrong method", call: ["DELETE", "/health"], answer: [404, missing, /^there is nothing here$/] },
  {
    name: "a body that is no JSON",
    call: ["POST", messages, { body: "{nope" }],
    answer: [400, bad, /^Expected a valid JSON body$/]
  },
  { name: "no body at all", call: ["POST", messages], answer: [400, bad, /^Expected /] },
  {
    name: "a wrong type",
    call: ["POST", messages, { body: { text: 1 } }],
    answer: [400, bad, /^text: Expected string/]
  },
  { name: "an empty text", call: ["POST", messages, { body: { text: "" } }], answer: [400, bad, /^text: /] },
  {
    name: "a body of another type",
    call: ["POST", messages, { body: `{"text":"Hi"}`, headers: { "content-type": "text/plain" } }],
    answer: [415, "Unsupported Media Type", /text\/plain/]
  },
  {
    name: "a bad session id",
    call: ["POST", `${sessions}/%2e%2e%2f/messages`, { body: { text: "Hi" } }],
    answer: [400, bad, /^session: Expected 1 to 128 letters/]
  },
  {
    name: "a bad tenant id",
    call: ["GET", "/api/v1/tenants/NO/agents"],
    answer: [400, bad, /^tenant: Expected 1 to 63/]
  },
  {
    name: "a bad limit",
    call: ["GET", `${sessions}?limit=0`],
    answer: [400, bad, /^limit: Expected a value between 1 and 1000/]
  },
  {
    name: "a limit that is no number",
    call: ["GET", `${sessions}?limit=x`],
    answer: [400, bad, /^limit: Expected a finite number/]
  },
  {
    name: "a bad place to go on from",
    call: ["GET", `${sessions}/problems/events`, { headers: { "last-event-id": "x" } }],
    answer: [400, bad, /^last-event-id: /]
  },
  {
    name: "an unknown tenant",
    call: ["GET", "/api/v1/tenants/nobody"],
    answer: [404, missing, /^there is no tenant nobody$/]
  },
  {
    name: "an unknown agent",
    call: ["GET", "/api/v1/tenants/default/agents/nobody"],
    answer: [404, missing, /^there is no agent nobody$/]
  },
  {
    name: "a message to an unknown agent",
    call: ["POST", `${sessions}/new/messages`, { body: { agent: "nobody", text: "Hi" } }],
    answer: [404, missing, /^there is no agent nobody$/]
  },
  {
    name: "a new session without an agent",
    call: ["POST", `${sessions}/new/messages`, { body: { text: "Hi" } }],
    answer: [400, bad, /^session new is new: say which agent it is with$/]
  },
  { name: "an unknown session", call: ["GET", `${sessions}/new`], answer: [404, missing, /^there is no session new$/] },
  {
    name: "the log of an unknown session",
    call: ["GET", `${sessions}/new/events`],
    answer: [404, missing, /^there is no session new$/]
  },
  {
    name: "a cancel of an unknown session",
    call: ["POST", `${sessions}/new/cancel`],
    answer: [404, missing, /^there is no session new$/]
  },
  {
    name: "another agent's session",
    call: ["POST", messages, { body: { agent: "second", text: "Hi" } }],
    answer: [409, "Conflict", /^session problems belongs to agent main$/]
  },
  {
    name: "a verdict that is none",
    call: ["POST", "/api/v1/tenants/default/approvals/x", { body: { verdict: "maybe" } }],
    answer: [400, bad, /^verdict: Expected "allow" \| "allowAlways" \| "deny"/]
  }
]

/** A body in pieces, without its length in the headers. */
const chunked = (port: number, token: string, body: string, agent: Http.Agent) =>
  Effect.callback<number>((resume) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
    const request = Http.request({ host: "127.0.0.1", port, method: "POST", path: messages, headers, agent })
    request.on("response", (response) => {
      response.resume().on("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
    })
    request.on("error", (error) => resume(Effect.die(error)))
    request.flushHeaders()
    for (let at = 0; at < body.length; at += 1000) request.write(body.slice(at, at + 1000))
    request.end()
  })

const bodyOf = (length: number) => JSON.stringify({ text: "x".repeat(length - JSON.stringify({ text: "" }).length) })

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("Problems", (it) => {
  it.effect.each(cases)("tells what is wrong with $name", ({ answer: [status, title, detail], call }) =>
    Effect.gen(function* () {
      const app = yield* RunningApp
      yield* app.say("problems", "Hi", { externalId: "first" })
      const answer = yield* app.call(...call)
      assert.strictEqual(answer.status, status, answer.text)
      assertProblem(answer, status, title)
      assert.match(String(at(answer.json, "detail")), detail)
    })
  )

  it.effect("names every fault of a request for programs too", () =>
    Effect.gen(function* () {
      const { json } = yield* (yield* RunningApp).call("POST", messages, { body: { text: 1, agent: "NO" } })
      assert.deepStrictEqual(at(json, "errors", 0, "path"), ["payload", "agent"])
    })
  )

  it.effect("takes a body of exactly the limit, and nothing above", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      yield* say("problems", "Hi", { externalId: "first" })
      assert.strictEqual((yield* call("POST", messages, { body: bodyOf(most) })).status, 202)
      const large = yield* call("POST", messages, { body: bodyOf(most + 1) })
      assert.strictEqual(large.status, 413)
      assertProblem(large, 413, "Content Too Large")
    })
  )

  it.effect("takes a body in pieces up to the limit too, on a connection that stays sane", () =>
    Effect.gen(function* () {
      const { admin, port, say } = yield* RunningApp
      yield* say("problems", "Hi", { externalId: "first" })
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Http.Agent({ keepAlive: true, maxSockets: 1 })),
        (open) => Effect.sync(() => open.destroy())
      )
      assert.strictEqual(yield* chunked(port, admin, bodyOf(most), agent), 202)
      assert.strictEqual(yield* chunked(port, admin, bodyOf(most + 1), agent), 413)
      assert.strictEqual(yield* chunked(port, admin, bodyOf(100), agent), 202)
    })
  )

  it.effect("says when a tenant has as many sessions as it may", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const open = (session: string) =>
        call("POST", `/api/v1/tenants/other/sessions/${session}/messages`, { body: { agent: "main", text: "Hi" } })
      assert.strictEqual((yield* open("one")).status, 202)
      const refused = yield* open("two")
      assert.strictEqual(refused.status, 429)
      assertProblem(refused, 429, "Too Many Requests")
      assert.strictEqual(at(refused.json, "detail"), "the tenant has reached its limit of 1 sessions")
      assert.strictEqual((yield* open("one")).status, 202)
    })
  )

  it.effect("says when a tenant's store cannot be read, and goes on when it can", () =>
    Effect.gen(function* () {
      const { call, data, logUntil, say } = yield* RunningApp
      yield* say("stored", "Hi")
      yield* logUntil("stored", "TurnEnded")
      const sql = (text: string) =>
        Effect.acquireUseRelease(
          Effect.sync(() => new DatabaseSync(`${data}/tenants/default/sessions.sqlite`)),
          (database) => Effect.sync(() => database.exec(text)),
          (database) => Effect.sync(() => database.close())
        )
      yield* sql("ALTER TABLE events RENAME TO events_gone")
      const answer = yield* call("GET", `${sessions}/stored/events`)
      yield* sql("ALTER TABLE events_gone RENAME TO events")
      assert.strictEqual(answer.status, 503, answer.text)
      assert.strictEqual(answer.headers["retry-after"], "1")
      assertProblem(answer, 503, "Service Unavailable")
      assert.strictEqual((yield* call("GET", `${sessions}/stored/events`)).status, 200)
    })
  )
})
