/** A command does not outlive the service that ran it, however that ends. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { filesOf } from "../support/Configuration.ts"
import { conversation, ofType } from "../support/Conversation.ts"
import { makePlace, start } from "../support/Service.ts"
import { isRunning, pidsIn, until } from "../tools/exec/Processes.ts"

/** The shell and two of its children write their process ids, ignore polite requests and never end. */
const stubborn =
  `trap '' TERM; sleep 3600 & first=$!; sh -c "sleep 3600; true" & ` +
  "echo $$ $first $! > pids.new; mv pids.new pids; wait"

const withCommandRunning = Effect.gen(function* () {
  const place = yield* makePlace(filesOf({ drain: "0 seconds" }))
  const service = yield* start(place)
  yield* conversation(service, "running").say(`run: ${stubborn}`)
  const pids = yield* pidsIn(join(place.data, "tenants/default/workspaces/main/pids"))
  assert.strictEqual(pids.length, 3)
  assert.isTrue(pids.every(isRunning))
  return { place, service, pids }
})

describe("A running command", () => {
  it.live("ends with a service that is killed", () =>
    Effect.gen(function* () {
      const { pids, service } = yield* withCommandRunning
      yield* service.kill("SIGKILL")
      yield* until(() => !pids.some(isRunning))
    })
  )

  it.live("ends with a service that stops, and its outcome is unknown at the next start", () =>
    Effect.gen(function* () {
      const { pids, place, service } = yield* withCommandRunning
      assert.strictEqual((yield* service.kill("SIGTERM")).code, 0)
      assert.isFalse(pids.some(isRunning))
      const talk = conversation(yield* start(place), "running")
      yield* talk.first("TurnEnded")
      const events = yield* talk.events
      assert.strictEqual(ofType(events, "ToolCalled").length, 1)
      assert.deepStrictEqual(
        ofType(events, "ToolReturned").map(({ outcome }) => outcome),
        ["unknown"]
      )
    })
  )
})
