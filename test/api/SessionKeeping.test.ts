import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { at, RunningApp } from "../support/RunningApp.ts"
import { allowing, assertProblem, eventsOf, sessions, talk, told } from "./SessionCalls.ts"

const files = {
  "tenants/default/tenant.yaml": "name: T\nproviders:\n  demo: { kind: scripted }\n  spare: { kind: scripted }\n",
  "tenants/default/agents/main.yaml": allowing
}

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("Sessions are kept", (it) => {
  it.effect("by name and with settings of their own, until they are taken away", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("named", "say: hello")
      const path = `${sessions}/named`
      const named = yield* call("PATCH", path, {
        body: { name: "Plans for May", model: "spare/demo", midTurn: "queue" }
      })
      assert.strictEqual(named.status, 200, named.text)
      const settings = { model: "spare/demo", midTurn: "queue" }
      assert.deepInclude(named.json as object, { id: "named", name: "Plans for May", settings })
      assert.deepStrictEqual((yield* call("GET", path)).json, named.json)
      const less = yield* call("PATCH", path, { body: { model: null } })
      assert.deepInclude(less.json as object, { name: "Plans for May", settings: { midTurn: "queue" } })
      const bare = yield* call("PATCH", path, { body: { name: null, midTurn: null } })
      assert.notProperty(bare.json, "name")
      assert.deepInclude(bare.json as object, { settings: {} })
      assert.deepStrictEqual(told((yield* eventsOf("named")).slice(5)), [
        { type: "SessionRenamed", name: "Plans for May" },
        { type: "SessionConfigured", model: "spare/demo", midTurn: "queue" },
        { type: "SessionConfigured", model: null },
        { type: "SessionRenamed", name: null },
        { type: "SessionConfigured", midTurn: null }
      ])
    })
  )

  it.effect("as they are by a change that changes nothing", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("same", "say: hello")
      for (const body of [{}, { name: null, model: null }, { name: "A" }, { name: "A" }, { midTurn: "steer" }]) {
        assert.strictEqual((yield* call("PATCH", `${sessions}/same`, { body })).status, 200)
      }
      assert.lengthOf(yield* eventsOf("same"), 7)
    })
  )

  it.effect("from what cannot be", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("strict", "say: hello")
      const patch = (body: unknown, session = "strict") => call("PATCH", `${sessions}/${session}`, { body })
      assertProblem(
        yield* patch({ model: "nowhere/x" }),
        400,
        /^there is no model nowhere\/x: expected provider\/model, and the providers here are demo, spare$/
      )
      assertProblem(yield* patch({ model: "demo" }), 400, /^there is no model demo/)
      assertProblem(yield* patch({ name: "" }), 400, /^name: /)
      assertProblem(yield* patch({ name: " \t" }), 400, /^name: Expected a name in one line/)
      assertProblem(yield* patch({ name: "a\nb" }), 400, /^name: Expected a name in one line/)
      assertProblem(yield* patch({ name: "a".repeat(201) }), 400, /^name: /)
      assertProblem(yield* patch({ midTurn: "shout" }), 400, /^midTurn: /)
      assertProblem(yield* patch({ name: "A" }, "nobody"), 404, /^there is no session nobody$/)
      assert.lengthOf(yield* eventsOf("strict"), 5)
    })
  )

  it.effect("on the model they are given, from the next turn on", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("model", "say: hello")
      yield* call("PATCH", `${sessions}/model`, { body: { model: "spare/other" } })
      const log = yield* talk("model", "say: again")
      const models = log.flatMap((event) =>
        event.type === "TurnStarted" || event.type === "ModelCalled" ? [event.model] : []
      )
      assert.deepStrictEqual(models, ["demo/demo", "demo/demo", "spare/other", "spare/other"])
    })
  )

  it.effect("with pins on what was said, once each", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const log = yield* talk("pinned", "say: remember me")
      const reply = log.find(({ type }) => type === "ModelReplied")?.seq ?? 0
      const pins = `${sessions}/pinned/pins`
      for (const event of [1, 1, reply]) {
        assert.strictEqual((yield* call("POST", pins, { body: { event } })).status, 204)
      }
      for (const event of [1, 1, 99]) {
        assert.strictEqual((yield* call("DELETE", pins, { body: { event } })).status, 204)
      }
      assert.deepStrictEqual(told((yield* eventsOf("pinned")).slice(5)), [
        { type: "Pinned", pin: { event: 1, role: "user", text: "say: remember me" } },
        { type: "Pinned", pin: { event: reply, role: "assistant", text: "remember me" } },
        { type: "Unpinned", event: 1 }
      ])
      for (const event of [-1, 0, 2, 99]) {
        assertProblem(
          yield* call("POST", pins, { body: { event } }),
          400,
          /^event -?\d+ of session pinned holds nothing/
        )
      }
      assertProblem(yield* call("POST", pins, { body: { event: 1.5 } }), 400, /^event: /)
      assertProblem(yield* call("POST", `${sessions}/nobody/pins`, { body: { event: 1 } }), 404, /there is no session/)
    })
  )

  it.effect("in lists: by id, by when they were written to, of one agent, by part of a name", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      for (const session of ["list-b", "list-a", "list-c"]) {
        yield* talk(session, "say: hello", session === "list-b" ? "second" : "main")
      }
      yield* call("PATCH", `${sessions}/list-a`, { body: { name: "Grüße" } })
      const list = Effect.fnUntraced(function* (query: string) {
        const { json } = yield* call("GET", `${sessions}?${query}`)
        return [(at(json, "sessions") as ReadonlyArray<unknown>).map((one) => at(one, "id")), at(json, "next")] as const
      })
      assert.deepStrictEqual(yield* list("named=list-"), [["list-a", "list-b", "list-c"], undefined])
      assert.deepStrictEqual(yield* list("named=LIST-&order=recent"), [["list-a", "list-c", "list-b"], undefined])
      assert.deepStrictEqual(yield* list("named=list-&agent=second"), [["list-b"], undefined])
      assert.deepStrictEqual(yield* list(`named=${encodeURIComponent("grüß")}`), [["list-a"], undefined])
      const [first, next] = yield* list("named=list-&order=recent&limit=2")
      assert.deepStrictEqual(first, ["list-a", "list-c"])
      const rest = yield* list(`named=list-&order=recent&limit=2&after=${encodeURIComponent(String(next))}`)
      assert.deepStrictEqual(rest, [["list-b"], undefined])
      assertProblem(yield* call("GET", `${sessions}?order=age`), 400, /^order: /)
    })
  )

  it.effect("so that what was said in them is found, and a session may still be called search", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("search", "say: the quick brown fox")
      yield* talk("found", "run: echo quick silver")
      const search = (query: string) => call("GET", `${sessions}/-/search?${query}`)
      const all = yield* search("q=quick")
      assert.strictEqual(all.status, 200, all.text)
      const hits = at(all.json, "hits") as ReadonlyArray<{
        session: string
        seq: number
        type: string
        excerpt: string
      }>
      assert.deepStrictEqual(new Set(hits.map(({ session }) => session)), new Set(["search", "found"]))
      for (const { excerpt } of hits) assert.include(excerpt, "quick")
      const silver = yield* search("q=silver%20quick&session=found&limit=1")
      assert.lengthOf(at(silver.json, "hits") as ReadonlyArray<unknown>, 1)
      assert.strictEqual(at(silver.json, "next"), 1)
      assert.deepStrictEqual((yield* search("q=quick&agent=second")).json, { hits: [] })
      assertProblem(yield* search("q="), 400, /^q: /)
      assert.include((yield* call("GET", `${sessions}/search`)).json as object, { id: "search" })
    })
  )
})
