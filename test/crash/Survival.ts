/** What has to be true of a session that was struck, once everything in it has ended; and what became of it in words. */
import { assert } from "@effect/vitest"
import type { SessionEvent, SessionEventOf } from "../../src/domain/SessionEvent.ts"
import type { EffectClass } from "../../src/domain/ToolEffect.ts"
import { ofType } from "../support/Conversation.ts"
import type { Person } from "./Person.ts"
import type { Scenario } from "./Scenarios.ts"
import { asked, runsOf } from "./Tools.ts"

/** What is left behind: the log, and the folder in which the tools wrote their runs down. */
export interface Remains {
  readonly log: ReadonlyArray<SessionEvent>
  readonly folder: string
}

/** Nothing that was accepted is lost or doubled, nothing runs twice that may not, every call has its result. */
export const hasSurvived = (person: Person, scenario: Scenario, { folder, log }: Remains): void => {
  assert.deepStrictEqual(
    log.map(({ seq }) => seq),
    log.map((_, index) => index + 1),
    "the log has no gaps"
  )
  messagesAreKept(person, log)
  turnsEndOnce(scenario, log)
  callsArePaired(log)
  for (const called of ofType(log, "ToolCalled")) runsAsItMay(called, log, folder)
  const approvals = (type: "ApprovalAsked" | "ApprovalSettled") => ofType(log, type).map(({ approval }) => approval)
  assert.deepStrictEqual(approvals("ApprovalAsked"), approvals("ApprovalSettled"), "what is asked is settled once")
}

const messagesAreKept = ({ places }: Person, log: ReadonlyArray<SessionEvent>) => {
  const accepted = ofType(log, "MessageAccepted")
  assert.deepStrictEqual(
    accepted.map(({ externalId, seq, turn }) => [String(externalId), seq, String(turn)]),
    Array.from(places, ([externalId, { seq, turn }]) => [externalId, seq, turn]),
    "every message is in the log once, where its sender was told"
  )
}

const turnsEndOnce = ({ ends }: Scenario, log: ReadonlyArray<SessionEvent>) => {
  const turns = [...new Set(ofType(log, "MessageAccepted").map(({ turn }) => turn))]
  const ended = ofType(log, "TurnEnded")
  assert.sameMembers(
    ofType(log, "TurnStarted").map(({ turn }) => turn),
    turns,
    "every turn starts once"
  )
  assert.sameMembers(
    ended.map(({ turn }) => turn),
    turns,
    "every turn ends once"
  )
  const outcomes = turns.map((turn) => {
    const end = ended.find((event) => event.turn === turn)
    return end?.failure?.type ?? end?.outcome ?? "nothing"
  })
  assert.strictEqual(outcomes.length, ends.length, "every message has its turn")
  for (const [index, outcome] of outcomes.entries()) assert.include(ends[index]?.split(" or ") ?? [], outcome)
  const answers = ofType(log, "ModelReplied").filter(({ finishReason }) => finishReason === "stop")
  const completed = ended.filter(({ outcome }) => outcome === "completed").map(({ turn }) => turn)
  for (const turn of completed) {
    const steered = ofType(log, "Steered").filter((event) => event.turn === turn).length
    const replies = answers.filter((event) => event.turn === turn).length
    assert.isTrue(replies === 1 || replies === 1 + steered, `${replies} answers, ${steered} times steered`)
  }
}

const callsArePaired = (log: ReadonlyArray<SessionEvent>) => {
  const calls = ofType(log, "ModelReplied").flatMap(({ content, turn }) =>
    content.flatMap((part) => (part.type === "tool-call" ? [`${turn} ${part.id}`] : []))
  )
  const results = ofType(log, "ToolReturned").map(({ call, turn }) => `${turn} ${call}`)
  assert.deepStrictEqual(results, calls, "every call has exactly one result")
}

const resultOf = ({ call, turn }: SessionEventOf<"ToolCalled">, log: ReadonlyArray<SessionEvent>) =>
  ofType(log, "ToolReturned").find((event) => event.call === call && event.turn === turn)

const runsAsItMay = (called: SessionEventOf<"ToolCalled">, log: ReadonlyArray<SessionEvent>, folder: string) => {
  const runs = runsOf(folder, called.effect, called.key).length
  const result = resultOf(called, log)
  const announced = ofType(log, "ToolCalled").filter(({ key }) => key === called.key).length
  const isCancelled = ofType(log, "TurnEnded").some(
    ({ outcome, turn }) => outcome === "cancelled" && turn === called.turn
  )
  switch (called.effect) {
    case "pure":
    case "idempotent":
      assert.isAtLeast(runs, 1)
      assert.isAtMost(runs, announced)
      assert.strictEqual(result?.outcome, "succeeded")
      return
    case "queryable":
      assert.isAtMost(runs, 1)
      assert.strictEqual(result?.outcome, "succeeded")
      assert.strictEqual(
        result?.output.startsWith(asked),
        announced > 1,
        "it is asked when it was cut off, and only then"
      )
      return
    case "unsafe":
      assert.isAtMost(runs, 1)
      assert.strictEqual(announced, 1)
      if (result?.outcome === "succeeded") assert.strictEqual(runs, 1)
      else assert.include(isCancelled ? ["unknown", "cancelled"] : ["unknown"], result?.outcome)
  }
}

/** What became of a session of which `before` was on disk when its service died, for the table. */
export const story = (before: ReadonlyArray<SessionEvent>, { folder, log }: Remains): string => {
  const calls = ofType(log, "ToolCalled").filter(
    ({ key }, index, all) => index === all.findIndex((call) => call.key === key)
  )
  const told = calls.map((called) => storyOf(called, log, runsOf(folder, called.effect, called.key).length))
  return [goingOn(before, log), ...told].join("; ")
}

const goingOn = (before: ReadonlyArray<SessionEvent>, log: ReadonlyArray<SessionEvent>): string => {
  if (before.length === 0) return "sent again by its sender"
  if (ofType(log.slice(before.length), "TurnResumed").length > 0) return "resumed"
  return ofType(before, "TurnEnded").length === ofType(log, "TurnEnded").length ? "nothing was left to do" : "goes on"
}

const times = (count: number) => ["never", "once", "twice"][count] ?? `${count} times`

const storyOf = (called: SessionEventOf<"ToolCalled">, log: ReadonlyArray<SessionEvent>, runs: number): string => {
  const verb: Record<EffectClass, string> = {
    pure: "ran",
    idempotent: "ran, with one key,",
    queryable: resultOf(called, log)?.output.startsWith(asked) === true ? "was asked about, and ran" : "ran",
    unsafe: resultOf(called, log)?.outcome === "succeeded" ? "ran" : "is reported as unknown, and ran"
  }
  return `${called.effect} ${verb[called.effect]} ${times(runs)}`
}
