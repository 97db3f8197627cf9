import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { type Arrived, arrive, cancel, mostWaiting, route } from "../../src/agents/Arrival.ts"
import type { Content } from "../../src/agents/Bringing.ts"
import type { Addressed } from "../../src/agents/Directory.ts"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import { AgentId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { empty, foldAll } from "../../src/sessions/SessionLog.ts"
import { called, cancelRequested, ended, main, said, started } from "../support/TurnEvents.ts"

const fresh = TurnId.make("fresh")
const running = [said("t"), started("t"), called("t", 1)]
const cancelling = [...running, cancelRequested("t")]

interface Case {
  readonly name: string
  readonly log: ReadonlyArray<NewSessionEvent>
  /** The turn the message becomes part of, and the one it cancels, under each setting. */
  readonly steer: string
  readonly queue: string
  readonly interrupt: string
}

const table: ReadonlyArray<Case> = [
  { name: "into silence", log: [], steer: "fresh", queue: "fresh", interrupt: "fresh" },
  { name: "after a turn", log: [...running, ended("t")], steer: "fresh", queue: "fresh", interrupt: "fresh" },
  { name: "while one waits to start", log: [said("t")], steer: "t", queue: "fresh", interrupt: "fresh" },
  { name: "while two wait to start", log: [said("t"), said("u")], steer: "u", queue: "fresh", interrupt: "fresh" },
  { name: "while one runs", log: running, steer: "t", queue: "fresh", interrupt: "fresh, cancels t" },
  {
    name: "while one runs and one waits",
    log: [...running, said("u")],
    steer: "t",
    queue: "fresh",
    interrupt: "fresh, cancels t"
  },
  { name: "while one is being cancelled", log: cancelling, steer: "fresh", queue: "fresh", interrupt: "fresh" },
  {
    name: "while one is being cancelled and one waits",
    log: [...cancelling, said("u")],
    steer: "u",
    queue: "fresh",
    interrupt: "fresh"
  }
]

describe("a message arrives", () => {
  for (const row of table) {
    for (const midTurn of ["steer", "queue", "interrupt"] as const) {
      it(`${row.name}, under ${midTurn}`, () => {
        const { cancels, turn } = route(foldAll(empty, row.log), midTurn, fresh)
        assert.strictEqual(cancels === undefined ? turn : `${turn}, cancels ${cancels}`, row[midTurn])
      })
    }
  }
})

describe("what a session has set for itself", () => {
  it("holds before what its agent's file says, until it is taken away", () => {
    const configured = (midTurn: "queue" | null): NewSessionEvent => ({ type: "SessionConfigured", midTurn })
    const turnOf = (log: ReadonlyArray<NewSessionEvent>) => Result.getOrThrow(taken(log)).turn
    assert.strictEqual(turnOf(running), "t")
    assert.strictEqual(turnOf([...running, configured("queue")]), "fresh")
    assert.strictEqual(turnOf([...running, configured("queue"), configured(null)]), "t")
  })
})

const definition = (midTurn: AgentConfig["midTurn"] = "steer") => {
  const config = Schema.decodeUnknownSync(AgentConfig)({ model: "fake/model", instructions: "Be brief.", midTurn })
  return (agent: AgentId) => (agent === main ? config : undefined)
}

const message: Addressed & Content = { session: SessionId.make("s"), agent: main, channel: "test", text: "hello" }

const taken = (log: ReadonlyArray<NewSessionEvent>, more: Partial<Addressed & Content> = {}, define = definition()) =>
  arrive(foldAll(empty, log), { ...message, ...more }, fresh, define)

const events = (arrived: Result.Result<Arrived, unknown>) => Result.getOrThrow(arrived).events

describe("what is taken in", () => {
  it("is the message as it was said", () =>
    assert.deepStrictEqual(events(taken([])), [
      { type: "MessageAccepted", turn: fresh, agent: main, channel: "test", text: "hello" }
    ]))

  it("names its sender's id and what went before, where there are any", () => {
    const preceding = [{ role: "user" as const, text: "earlier" }]
    const [event] = events(taken([], { externalId: "x", preceding }))
    assert.deepInclude(event, { externalId: "x", preceding })
    assert.notProperty(events(taken([], { preceding: [] }))[0], "preceding")
  })

  it("brings its files, where there are any", () => {
    const files = [{ mediaType: "image/png" as const, url: "https://example.org/a.png" }]
    assert.deepInclude(events(taken([], { files }))[0], { files })
    assert.notProperty(events(taken([], { files: [] }))[0], "files")
  })

  it("needs no agent when the session has one", () =>
    assert.deepInclude(events(taken(running, { agent: undefined }))[0], { agent: main }))

  it("cancels what it interrupts in the same append, and knows its own place behind that", () => {
    const arrived = Result.getOrThrow(taken(running, {}, definition("interrupt")))
    assert.deepStrictEqual(arrived.events[0], cancel(TurnId.make("t"), "a newer message took its place"))
    assert.strictEqual(arrived.events[1]?.type, "MessageAccepted")
    assert.strictEqual(arrived.seq, 5)
    assert.strictEqual(arrived.turn, fresh)
  })
})

describe("what is not taken in", () => {
  it("is one message too many, whether they wait for a turn or to join one", () => {
    const many = (turn: string, count: number) => Array.from({ length: count }, () => said(turn))
    const fits = [...running, ...many("u", 500), ...many("t", mostWaiting - 501)]
    assert.isTrue(Result.isSuccess(taken(fits)))
    assert.strictEqual(
      refusal(taken([...fits, said("u")])),
      "1000 messages wait in session s already; send it again when some have been answered"
    )
  })

  const refusal = (arrived: Result.Result<Arrived, Error>) =>
    Result.isFailure(arrived) ? arrived.failure.message : "it was taken"

  it("names an agent nobody knows", () =>
    assert.strictEqual(refusal(taken([], { agent: AgentId.make("nobody") })), "there is no agent nobody"))

  it("opens a session and names no agent", () =>
    assert.strictEqual(refusal(taken([], { agent: undefined })), "session s is new: say which agent it is with"))

  it("names another agent than the session's own", () =>
    assert.strictEqual(refusal(taken(running, { agent: AgentId.make("other") })), "session s belongs to agent main"))

  it("is for an agent that is gone", () =>
    assert.strictEqual(refusal(taken(running, {}, () => undefined)), "there is no agent main"))
})
