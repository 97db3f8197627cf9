import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { turnLines, unpricedLines, usageLines } from "../../src/cli/UsageTable.ts"
import { Day } from "../../src/domain/Day.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import { plus } from "../../src/domain/Usage.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { accepted, ended, session } from "../contracts/SessionStoreEvents.ts"
import { counted, used } from "../contracts/SessionUsageContract.ts"
import { run } from "../support/Command.ts"
import { RunningApp } from "../support/RunningApp.ts"

const day = Day.make("2026-01-31")

describe("UsageTable", () => {
  it("puts names to the left, numbers to the right and the total below", () => {
    const [one, other] = [counted(2, 1_234_000, 12.5), counted(1, 10, 0.000_125)]
    const shares = [
      { day, model: "x/m", ...one },
      { day, model: "x/long-name", ...other }
    ]
    assert.deepStrictEqual(usageLines(["day", "model"], shares, plus(one, other)), [
      "DAY         MODEL        CALLS      INPUT  FROM CACHE  INTO CACHE     OUTPUT  COST (USD)",
      "2026-01-31  x/m              2  1,234,000     617,000           0  1,234,000       12.50",
      "2026-01-31  x/long-name      1         10           5           0         10    0.000125",
      "total                        3  1,234,010     617,005           0  1,234,010       12.50"
    ])
  })

  it("never shows a cost that is not known as one that is", () => {
    const [unpriced, partly] = [counted(2, 10, 0, 2), counted(2, 10, 0.5, 1)]
    const lines = usageLines(["day"], [{ day, ...unpriced }], partly)
    assert.match(lines[1] ?? "", / unknown$/)
    assert.match(lines[2] ?? "", / at least 0.50$/)
    assert.deepStrictEqual(unpricedLines(["x/m", "x/\u001b[31mn"]), ["no price known for: x/m, x/ [31mn"])
    assert.deepStrictEqual(unpricedLines([]), [])
  })

  it("shows turns with their time and their models", () => {
    const turn = { turn: TurnId.make("t"), at: "2026-01-31T12:00:00.123Z", models: ["x/m", "x/n"], ...counted(1, 2, 1) }
    assert.deepStrictEqual(turnLines([turn], counted(1, 2, 1)), [
      "TURN   AT (UTC)             MODELS    CALLS  INPUT  FROM CACHE  INTO CACHE  OUTPUT  COST (USD)",
      "t      2026-01-31 12:00:00  x/m, x/n      1      2           1           0       2        1.00",
      "total                                     1      2           1           0       2        1.00"
    ])
  })
})

const usage = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const { admin, url } = yield* RunningApp
  return yield* run(["usage", ...args, "--url", url, "--token", admin])
})

layer(RunningApp.layer, { excludeTestServices: true })("fiberclaw usage", (it) => {
  it.effect("shows a tenant's models and a session's turns, and says of which no price is known", () =>
    Effect.gen(function* () {
      const { within } = yield* RunningApp
      const events = [accepted("t"), used("t", "x/m", 10, 0.5), used("t", "x/n", 20), ended("t")] as const
      yield* within(
        "other",
        SessionStore.use((store) => store.append(session("a"), 0, events))
      )
      const { code, stderr, stdout } = yield* usage("--tenant", "other", "--by", "agent,model")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(
        stdout,
        /^AGENT +MODEL .*\nmain +x\/m +1 .* 0\.50\nmain +x\/n +1 .* unknown\ntotal .* at least 0\.50\nno price known for: x\/n\n$/
      )
      const turns = yield* usage("--tenant", "other", "--session", "a")
      assert.match(turns.stdout, /^TURN .*\nt .* x\/m, x\/n .* at least 0\.50\ntotal .*\nno price known for: x\/n\n$/)
      const { total, unpriced } = JSON.parse((yield* usage("--tenant", "other", "--json")).stdout)
      assert.deepStrictEqual([total, unpriced], [counted(2, 30, 0.5, 1), ["x/n"]])
    })
  )

  it.effect("says why not, and knows what it is asked wrongly", () =>
    Effect.gen(function* () {
      const reversed = yield* usage("--from", "2026-02-02", "--to", "2026-02-01")
      assert.deepStrictEqual([reversed.code, reversed.stdout], [1, ""])
      assert.match(reversed.stderr, /2026-02-02 is after 2026-02-01/)
      const missing = yield* usage("--session", "nobody")
      assert.deepStrictEqual([missing.code, missing.stderr], [1, "there is no session nobody\n"])
      for (const args of [
        ["--by", "tenant"],
        ["--from", "yesterday"]
      ]) {
        assert.strictEqual((yield* usage(...args)).code, 2, args.join(" "))
      }
    })
  )
})
