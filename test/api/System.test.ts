import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { at, RunningApp } from "../support/RunningApp.ts"

layer(RunningApp.layer, { excludeTestServices: true })("the service itself", (it) => {
  it.effect("says that it lives", () =>
    Effect.gen(function* () {
      const app = yield* RunningApp
      const { json, status } = yield* app.call("GET", "/health", { token: null })
      assert.strictEqual(status, 200)
      console.log(json)
      const accepted = yield* app.say("s1", "say: hello")
      console.log(accepted)
      console.log((yield* app.logUntil("s1", "TurnEnded")).map((e) => e.type))
      console.log((yield* app.call("GET","/api/v1/tenants/default/sessions/s1/events")).text.slice(0,1500))
      for (const [m,p,o] of [["GET","/docs",{}],["GET","/openapi.json",{}],["GET","/nowhere",{}],["DELETE","/health",{}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:"{nope"}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:{text:1}}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:'{"text":"a"}', headers:{"content-type":"text/plain"}}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:{agent:"second",text:"x"}}],
       ["POST","/api/v1/tenants/default/sessions/s2/messages",{body:{text:"x"}}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:{agent:"none",text:"x"}}],
       ["POST","/api/v1/tenants/default/sessions/%20%2f/messages",{body:{agent:"main",text:"x"}}],
       ["GET","/api/v1/tenants/NO%20/agents",{}],
       ["GET","/api/v1/tenants/nobody/agents",{}],
       ["GET","/api/v1/tenants/default/agents/nobody",{}],
       ["GET","/api/v1/tenants/default/sessions/none/events",{}],
       ["GET","/api/v1/tenants/default/sessions/none",{}],
       ["GET","/api/v1/tenants/default/sessions/none/events?after=-1",{}],
       ["GET","/api/v1/tenants/default/sessions?limit=x",{}],
       ["GET","/api/v1/tenants/default/sessions",{}],
       ["GET","/api/v1/tenants/default/sessions/",{}],
       ["GET","/api/v1/tenants/default/%zz",{}],
       ["GET","/ready",{token:null}],
       ["GET","/api/v1/tenants",{token:null}],
       ["GET","/api/v1/tenants",{token:"x"}],
       ["GET","/api/v1/tenants",{}],
       ["GET","/api/v1/tenants/default/approvals",{}],
       ["POST","/api/v1/tenants/default/approvals/x",{body:{verdict:"allow"}}],
       ["HEAD","/health",{}],
       ["OPTIONS","/api/v1/tenants",{}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:{text:"x".repeat(1100000)}}],
       ["POST","/api/v1/tenants/default/sessions/s1/messages",{body:JSON.stringify({text:"x".repeat(1100000)}), headers:{"transfer-encoding":"chunked"}}],
      ] as const) {
        const a = yield* app.call(m,p,o as never)
        console.log(m,p,a.status,a.headers["content-type"], a.headers["www-authenticate"], a.text.slice(0,300))
      }
    })
  )
})
