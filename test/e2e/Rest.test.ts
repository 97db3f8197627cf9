/** What is left of sessions that nobody speaks to: rows. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation, nodeAt } from "../support/Conversation.ts"
import { makePlace, start } from "../support/Service.ts"

const sessions = Array.from({ length: 200 }, (_, index) => `session-${index}`)

describe("200 sessions at rest", () => {
  it.live("have no place in the tree of what lives", () =>
    Effect.gen(function* () {
      const service = yield* Effect.flatMap(makePlace(filesOf({ agent: { dangerous: "ask" } })), start)
      yield* Effect.forEach(
        sessions,
        Effect.fnUntraced(function* (session, index) {
          const talk = conversation(service, session)
          // Every tenth waits for a person, which is rest too.
          yield* talk.say(index % 10 === 0 ? "run: true" : "say: Good night.")
          yield* talk.first(index % 10 === 0 ? "ApprovalAsked" : "TurnEnded")
        }),
        { concurrency: 20, discard: true }
      )
      const children = Effect.map(nodeAt(service, "fiberclaw/tenants/default/sessions"), (node) => node?.children)
      // The last ones may have said their last word and not yet left.
      yield* Effect.repeat(children, { until: (left) => left?.length === 0 })
      assert.isEmpty((yield* nodeAt(service, "fiberclaw/tenants/default/tools"))?.children)
      const { body } = yield* call(service, "/api/v1/tenants/default")
      assert.deepNestedInclude(body, { "use.sessions": sessions.length, "use.activeSessions": 0 })
    })
  )
})
