/** SIGKILL at the boundaries of a turn: the next start finishes it as if nothing had happened, and nothing happens twice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { conversation, ofType } from "../support/Conversation.ts"
import { start } from "../support/Service.ts"
import { hasSurvived, makeWorld, message, type Point, survives } from "./Crash.ts"
import { points } from "./Points.ts"

const untouched: Point = { name: "after the acknowledgement", reach: () => Effect.void, runs: 0, resumed: 0 }
const inTheWay: Point = { ...untouched, holds: { reply: "first", after: "nothing" }, resumed: 1 }

describe("A service that is killed", () => {
  it.live("after the acknowledgement and before the turn has started answers after all", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ busy: inTheWay, next: untouched }, { concurrentTurns: 1 })
      const service = yield* start(world.place)
      const busy = yield* conversation(service, "busy").say(message("busy"), "message-1")
      yield* world.model.next
      const next = yield* conversation(service, "next").say(message("next"), "message-1")
      assert.isEmpty(ofType(yield* conversation(service, "next").events, "TurnStarted"))
      yield* service.kill("SIGKILL")
      yield* world.release
      const restarted = yield* start(world.place)
      yield* hasSurvived(restarted, world, inTheWay, busy)
      yield* hasSurvived(restarted, world, untouched, next)
    })
  )

  for (const point of points) {
    it.live(`${point.name} finishes the turn after the restart`, () =>
      Effect.gen(function* () {
        const { model } = yield* survives({ alone: point })
        if (point.outcome !== "unknown") return
        assert.include(JSON.stringify(model.requests.at(-1)?.body), "it is not known whether it took effect")
      })
    )
  }

  it.live("with many sessions at every point of their turns finishes them all", () =>
    survives(
      Object.fromEntries([1, 2, 3].flatMap((n) => points.map((point, index) => [`session-${index}-${n}`, point])))
    )
  )
})
