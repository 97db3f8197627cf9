import { assert, describe, it } from "@effect/vitest"
import type { Law, Survey } from "../../src/upkeep/Databases.ts"
import { ofLogs, ofSurvey, together } from "../../src/upkeep/DatabaseFindings.ts"
import { isSound, ok, problem, render, summary, warning } from "../../src/upkeep/Finding.ts"
import { ofNode } from "../../src/upkeep/NodeFinding.ts"
import { answering } from "../../src/upkeep/ServiceFindings.ts"

const survey = (more: Partial<Survey>): Survey => ({
  ...{ state: "open", detail: "", version: 3, known: 3, bytes: 1 << 20, wal: 0, damage: [], sessions: 2, events: 10 },
  ...more
})

const severities = (more: Partial<Survey>, kind: "service" | "sessions" = "sessions") =>
  ofSurvey("db", kind, survey(more)).map(({ severity }) => severity)

describe("What is found of a database", () => {
  const table: ReadonlyArray<readonly [Partial<Survey>, ReadonlyArray<string>]> = [
    [{}, ["ok"]],
    [{ state: "missing" }, ["ok"]],
    [{ state: "locked" }, ["problem"]],
    [{ state: "foreign" }, ["problem"]],
    [{ state: "damaged" }, ["problem"]],
    [{ state: "unreadable" }, ["problem"]],
    [{ damage: ["Tree 3 page 7: btreeInitPage() returns error code 11"] }, ["problem"]],
    [{ version: 4 }, ["problem"]],
    [{ version: 2 }, ["ok"]],
    [{ wal: 1 << 30 }, ["ok", "warning"]]
  ]
  it.each(table)("%j is %j", (more, expected) => assert.deepStrictEqual(severities(more), expected))

  it("is no fault where it is the service's own, which a running service locks", () => {
    assert.deepStrictEqual(severities({ state: "locked" }, "service"), ["ok"])
  })

  it("says of a newer version which one, and what to do", () => {
    const [finding] = ofSurvey("db", "sessions", survey({ version: 9 }))
    assert.match(String(finding?.what), /version 9.*up to 3/)
    assert.match(String(finding?.remedy), /newer fiberclaw/)
  })
})

const stretch = (laws: ReadonlyArray<Law>, more = 0) => ({
  ...{ next: null, sessions: 1, events: 5, more },
  breaches: laws.map((law, index) => ({ law, session: `s${index}`, detail: "so it is" }))
})

describe("What is found of the logs", () => {
  it("is one finding for each law, which names the first few places", () => {
    const findings = ofLogs("db", stretch([...Array.from({ length: 7 }, (): Law => "body"), "orphan"]), false)
    assert.deepStrictEqual(
      findings.map(({ severity }) => severity),
      ["problem", "warning"]
    )
    assert.match(String(findings[0]?.what), /s0: so it is; .*s4: so it is; and 2 more/)
  })

  it("never hides that there is more", () => {
    assert.match(JSON.stringify(ofLogs("db", stretch(["body"], 3), true)), /3 more faults/)
  })

  it("keeps no more than a hundred places, and counts the others", () => {
    const many = stretch(Array.from({ length: 80 }, (): Law => "row"))
    const all = together(many, many)
    assert.deepStrictEqual([all.breaches.length, all.more, all.sessions, all.events], [100, 60, 2, 10])
  })
})

describe("Findings", () => {
  it("are sound without a problem", () => {
    const fine = [ok("a", "b"), warning("a", "b", "c", "d")]
    assert.isTrue(isSound(fine))
    assert.isFalse(isSound([...fine, problem("a", "b", "c", "d")]))
    assert.strictEqual(summary(fine), "2 checks: 0 problems, 1 warning")
  })

  it("say what they mean and what to do", () => {
    assert.deepStrictEqual(render(problem("here", "broken", "trouble", "mend it")), [
      "problem  here: broken",
      "         it means: trouble",
      "         to do:    mend it"
    ])
  })

  it("know which Node.js is recent enough", () => {
    assert.deepStrictEqual(
      ["24.14.9", "24.15.0", "25.0.0", "20.11.1"].map((version) => ofNode(version).severity),
      ["problem", "ok", "ok", "problem"]
    )
  })

  it("tell of a service what it and its tree say", () => {
    const troubled = ["fiberclaw/tenants/a is parked (the disk is full)"]
    const findings = answering({ url: "http://x", reasons: ["tenant a is parked"], troubled })
    assert.deepStrictEqual(
      findings.map(({ severity }) => severity),
      ["problem", "problem"]
    )
    assert.deepStrictEqual(
      answering({ url: "http://x", reasons: [], troubled: undefined }).map(({ severity }) => severity),
      ["ok", "warning"]
    )
  })
})
