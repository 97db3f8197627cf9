import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SessionId } from "../../src/domain/Ids.ts"
import { at, RunningApp } from "../support/RunningApp.ts"
import { allowing, assertProblem, ended, event, eventsOf, sessions, talk, told, typesOf } from "./SessionCalls.ts"

const files = {
  "tenants/default/agents/main.yaml": allowing,
  "tenants/default/tenant.yaml": "name: T\nproviders:\n  demo: { kind: scripted }\n  spare: { kind: scripted }\n",
  "tenants/other/tenant.yaml": "name: O\nlimits: { sessions: 1 }\nproviders:\n  demo: { kind: scripted }\n"
}

const ndjson = { "content-type": "application/x-ndjson" }

const bringIn = Effect.fnUntraced(function* (session: string, body: string, query = "", tenant = "default") {
  const { call } = yield* RunningApp
  return yield* call("POST", `/api/v1/tenants/${tenant}/sessions/${session}/import${query}`, { body, headers: ndjson })
})

/** Sends it as it comes, as whoever does not know its length beforehand. */
const stream = Effect.fnUntraced(function* (session: string, body: string) {
  const { admin, url } = yield* RunningApp
  return yield* Effect.promise(() =>
    fetch(`${url}${sessions}/${session}/import`, {
      method: "POST",
      headers: { ...ndjson, authorization: `Bearer ${admin}` },
      body: new Blob([body]).stream(),
      duplex: "half"
    })
  )
})

const carryOut = Effect.fnUntraced(function* (session: string) {
  const { call } = yield* RunningApp
  return yield* call("GET", `${sessions}/${session}/export`)
})

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("A session as a file", (it) => {
  it.effect("holds a header and every event as the events API shows it", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("out", "run: echo one")
      yield* call("PATCH", `${sessions}/out`, { body: { name: "Out", midTurn: "queue" } })
      const { headers, status, text } = yield* carryOut("out")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "application/x-ndjson")
      assert.strictEqual(headers["content-disposition"], 'attachment; filename="out.jsonl"')
      const [header, ...lines] = text.trimEnd().split("\n")
      assert.deepStrictEqual(JSON.parse(header ?? ""), {
        fiberclaw: "session",
        version: 1,
        session: "out",
        agent: "main",
        name: "Out",
        settings: { midTurn: "queue" }
      })
      const events = yield* call("GET", `${sessions}/out/events`)
      assert.strictEqual(`{"events":[${lines.join(",")}]}`, events.text)
      assertProblem(yield* carryOut("nobody"), 404, /^there is no session nobody$/)
    })
  )

  it.effect("comes back as it was, after it was deleted, and goes on", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      yield* say("round", "run: echo one", { externalId: "round-1" })
      yield* event("round", "TurnEnded")
      yield* call("PATCH", `${sessions}/round`, { body: { name: "Round", midTurn: "queue" } })
      yield* call("POST", `${sessions}/round/pins`, { body: { event: 1 } })
      const before = yield* eventsOf("round")
      const { text } = yield* carryOut("round")
      assertProblem(yield* bringIn("round", text), 409, /^there is a session round already$/)
      assert.strictEqual((yield* call("DELETE", `${sessions}/round`)).status, 204)
      const back = yield* bringIn("round", text)
      assert.strictEqual(back.status, 201, back.text)
      assert.deepInclude(back.json as object, {
        id: "round",
        name: "Round",
        settings: { midTurn: "queue" },
        unfinished: 0
      })
      const after = yield* eventsOf("round")
      assert.deepStrictEqual(after.slice(0, -1), before)
      assert.deepStrictEqual(told(after.slice(-1)), [{ type: "SessionImported", from: SessionId.make("round") }])
      const again = yield* say("round", "run: echo one", { externalId: "round-1" })
      assert.strictEqual(again.seq, 1)
      assert.lengthOf(yield* eventsOf("round"), after.length)
      const said = yield* talk("round", "recall")
      assert.include(JSON.stringify(said.at(-2)), "run: echo one")
    })
  )

  it.effect("that was cut off in a turn is at rest when it comes in", () =>
    Effect.gen(function* () {
      const log = yield* talk("cut", "run: echo once")
      const { text } = yield* carryOut("cut")
      const called = log.find(({ type }) => type === "ToolCalled")?.seq ?? 0
      const start = text
        .split("\n")
        .slice(0, 1 + called)
        .join("\n")
      const answer = yield* bringIn("cut-short", start)
      assert.strictEqual(answer.status, 201, answer.text)
      assert.deepStrictEqual(typesOf((yield* eventsOf("cut-short")).slice(called)), [
        "CancelRequested",
        "ToolReturned",
        "TurnEnded",
        "SessionImported"
      ])
      assert.deepInclude(yield* event("cut-short", "ToolReturned"), { outcome: "unknown" })
      assert.strictEqual(at((yield* talk("cut-short", "say: on")).at(-1), "outcome"), "completed")
    })
  )

  it.effect("goes to another agent, or to another tenant, where it is asked to", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("moves", "say: hello")
      yield* call("PATCH", `${sessions}/moves`, { body: { model: "spare/demo" } })
      const { text } = yield* carryOut("moves")
      const second = yield* bringIn("moved", text, "?agent=second")
      assert.deepInclude(second.json as object, { id: "moved", agent: "second", settings: { model: "spare/demo" } })
      assert.strictEqual(at((yield* talk("moved", "say: on", "second")).at(-1), "outcome"), "completed")
      assertProblem(yield* bringIn("lost", text, "?agent=nobody"), 404, /^there is no agent nobody$/)
      const abroad = yield* bringIn("moves", text, "", "other")
      assert.deepInclude(abroad.json as object, { id: "moves", agent: "main", settings: {} })
      assertProblem(yield* bringIn("more", text, "", "other"), 429, /limit of 1 sessions/)
    })
  )

  it.effect("is refused whole, by the line, the field and what was expected there", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("good", "say: hello")
      const { text } = yield* carryOut("good")
      const lines = text.trimEnd().split("\n")
      const changed = (line: number, change: (event: Record<string, unknown>) => unknown) =>
        lines.map((old, index) => (index === line - 1 ? JSON.stringify(change(JSON.parse(old))) : old)).join("\n")
      const cases: ReadonlyArray<readonly [body: string, detail: RegExp]> = [
        ["", /^line 1: Expected a header, got nothing$/],
        ["{nope", /^line 1: /],
        [lines.slice(1).join("\n"), /^line 1: .*fiberclaw: /],
        [changed(1, (header) => ({ ...header, version: 2 })), /^line 1: version: Expected 1/],
        [lines[0] ?? "", /^line 2: Expected an event, got nothing$/],
        [`${lines[0]}\n\n[]`, /^line 3: /],
        [changed(2, (event) => ({ ...event, text: 5 })), /^line 2: text: Expected string/],
        [
          changed(4, (event) => ({ ...event, type: "Invented" })),
          /^line 4: type: Expected one of MessageAccepted, TurnStarted, .*, got "Invented"$/
        ],
        [
          changed(3, (event) => ({ ...event, model: "deep" })).replace(
            '"deep"',
            `${"[".repeat(5000)}${"]".repeat(5000)}`
          ),
          /^line 3: Expected at most 1000 levels$/
        ],
        [changed(4, (event) => ({ ...event, seq: 7 })), /^line 4: seq: Expected 3, got 7$/],
        [
          changed(4, (event) => ({ ...event, at: "yesterday" })),
          /^line 4: at: Expected an instant like .*, got "yesterday"$/
        ],
        [changed(3, (event) => ({ ...event, agent: "second" })), /^line 3: agent: Expected "main", got "second"$/],
        [
          [lines[0], JSON.stringify({ ...JSON.parse(lines[2] ?? ""), seq: 1 })].join("\n"),
          /^line 2: type: Expected "Mess/
        ]
      ]
      for (const [body, detail] of cases) {
        assertProblem(yield* bringIn("bad", body), 400, detail)
        assert.strictEqual((yield* call("GET", `${sessions}/bad`)).status, 404)
      }
      const plain = yield* call("POST", `${sessions}/bad/import`, {
        body: text,
        headers: { "content-type": "text/plain" }
      })
      assertProblem(plain, 415, /text\/plain/)
    })
  )

  it.effect("may be larger than any other body", () =>
    Effect.gen(function* () {
      yield* talk("large", "say: hello")
      const { text } = yield* carryOut("large")
      const [header = "", first = "", ...rest] = text.trimEnd().split("\n")
      const longer = JSON.stringify({ ...JSON.parse(first), text: "x".repeat(3 * 1024 * 1024) })
      const answer = yield* stream("larger", [header, longer, ...rest].join("\n"))
      assert.strictEqual(answer.status, 201)
      const { turn } = (yield* eventsOf("larger"))[0] as { readonly turn: string }
      assert.strictEqual((yield* ended("larger", turn)).outcome, "completed")
      const weighed = yield* bringIn("weighed", [header, longer, ...rest].join("\n"))
      assert.strictEqual(weighed.status, 201, weighed.text)
      assertProblem(yield* bringIn("messages", "x".repeat(3 * 1024 * 1024), "/messages"), 413, /at most \d+ are taken/)
      const endless = yield* stream("endless", `${header}\n${"x".repeat(9 * 1024 * 1024)}`)
      const problem: unknown = yield* Effect.promise(() => endless.json())
      assert.strictEqual(at(problem, "detail"), "line 2: Expected at most 8388608 bytes")
    })
  )

  it.effect("is refused when more waits in it than in any session of ours", () =>
    Effect.gen(function* () {
      const instant = "2026-01-31T12:00:00.000Z"
      const waiting = Array.from({ length: 2001 }, (_, index) =>
        JSON.stringify({
          ...{ seq: index + 1, at: instant, type: "MessageAccepted", turn: `turn_${index}`, agent: "main" },
          ...{ channel: "api:crowd", text: "hello" }
        })
      )
      const header = JSON.stringify({ fiberclaw: "session", version: 1, session: "crowd", agent: "main" })
      assertProblem(
        yield* bringIn("crowd", [header, ...waiting].join("\n")),
        400,
        /^more than 2000 messages wait or are pinned by event 2001 of the log$/
      )
      const { call } = yield* RunningApp
      assert.strictEqual((yield* call("GET", `${sessions}/crowd`)).status, 404)
    })
  )
})
