/**
 * Killing the service at a point of a turn, and what has to be true afterwards.
 *
 * A point says how a session gets there and what the world may look like when the next start has finished its turn.
 * The model and the person know every session by its name, so that any number of sessions can stand at points of
 * their own when the service dies. While the first process lives the model holds where a point wants it to; from then
 * on it answers everything.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect, Latch } from "effect"
import type { SessionEvent, SessionEventOf } from "../../src/domain/SessionEvent.ts"
import * as Model from "../support/AnthropicServer.ts"
import { filesOf, type Setup } from "../support/Configuration.ts"
import { type Conversation, conversation, ofType, saidIn } from "../support/Conversation.ts"
import { folder, makePlace, type Place, type Service, start } from "../support/Service.ts"
import { until } from "../tools/exec/Processes.ts"

export interface Point {
  readonly name: string
  /** The command the model asks for before it answers; none if it answers at once. Given the file that counts runs. */
  readonly command?: (runs: string) => string
  /** The reply the model does not finish: it says half of it, or nothing. */
  readonly holds?: { readonly reply: "first" | "last"; readonly after: "half" | "nothing" }
  /** Brings the session there and returns when it is. */
  readonly reach: (talk: Conversation, world: World) => Effect.Effect<unknown>
  /** What a person does when the service is back. */
  readonly afterwards?: (talk: Conversation) => Effect.Effect<unknown>
  /** How often the command may have run in the end. */
  readonly runs: number
  readonly resumed: number
  readonly outcome?: SessionEventOf<"ToolReturned">["outcome"]
}

export interface World {
  readonly place: Place
  readonly model: Model.AnthropicServer
  /** Opened when somebody watches the session, so that what the model says is heard. */
  readonly begin: (session: string) => Latch.Latch
  /** How often the session's command has run. */
  readonly runs: (session: string) => number
  /** Waits until the model has been sent the session's results. */
  readonly resultsSent: (session: string) => Effect.Effect<unknown>
  /** From now on the model holds nothing back. */
  readonly release: Effect.Effect<void>
}

export const answer = "Here is your answer."

/** What a session's message says; the model finds the session's name in it. */
export const message = (session: string) => `I am <${session}>.`

const sessionOf = (body: string) => /I am <([\w-]+)>/.exec(body)?.[1] ?? assert.fail(`nobody's request: ${body}`)

const hasResults = (body: string) => body.includes(`"tool_result"`)

const half = (whole: Model.Answer): Model.Answer => {
  const text = new TextDecoder().decode(whole.body)
  return { ...Model.stream(text.slice(0, text.indexOf("event: ", text.indexOf("Here")))), after: "hang" }
}

/** A world in which these sessions, by name, will stand at these points. */
export const makeWorld = Effect.fnUntraced(function* (points: Readonly<Record<string, Point>>, setup: Setup = {}) {
  const counted = yield* folder
  const runsFile = (session: string) => join(counted, session)
  const latches = new Map(Object.keys(points).map((session) => [session, Latch.makeUnsafe(false)]))
  const begin = (session: string) => latches.get(session) ?? assert.fail(session)
  let holding = true

  const replyTo = (body: string): Model.Answer => {
    const session = sessionOf(body)
    const { command, holds } = points[session] ?? assert.fail(session)
    const call = command !== undefined && !hasResults(body)
    const input = { command: command?.(runsFile(session)) }
    const calls = call ? [{ id: `toolu_${session}`, name: "exec", input }] : []
    const whole = Model.events(Model.reply(call ? { calls } : { text: answer }))
    const held = holding && holds !== undefined && (holds.reply === "last") === hasResults(body)
    if (!held) return whole
    return holds.after === "nothing" ? Model.silence : { ...half(whole), gate: begin(session) }
  }
  const model = yield* Model.make(({ body }) => replyTo(JSON.stringify(body)))
  const place = yield* makePlace(filesOf({ anthropic: model.url, agent: { dangerous: "ask" }, ...setup }))
  const world: World = {
    place,
    model,
    begin,
    runs: (session) =>
      existsSync(runsFile(session)) ? readFileSync(runsFile(session), "utf8").split("\n").length - 1 : 0,
    resultsSent: (session) =>
      until(() =>
        model.requests
          .map(({ body }) => JSON.stringify(body))
          .some((body) => hasResults(body) && sessionOf(body) === session)
      ),
    release: Effect.sync(() => {
      holding = false
    })
  }
  return world
})

/** Brings every session to its point, kills the service, starts it again, and checks every session. */
export const survives = Effect.fnUntraced(function* (points: Readonly<Record<string, Point>>) {
  const world = yield* makeWorld(points)
  const names = Object.keys(points)
  const service = yield* start(world.place)
  const accepted = yield* Effect.forEach(
    names,
    Effect.fnUntraced(function* (session) {
      const talk = conversation(service, session)
      const place = yield* talk.say(message(session), "message-1")
      yield* points[session]?.reach(talk, world) ?? Effect.void
      return place
    }),
    { concurrency: "unbounded" }
  )
  yield* service.kill("SIGKILL")
  yield* world.release
  const restarted = yield* start(world.place)
  yield* Effect.forEach(
    accepted,
    (place) => hasSurvived(restarted, world, points[place.session] ?? assert.fail(), place),
    { concurrency: "unbounded", discard: true }
  )
  return world
})

type Accepted = Effect.Success<ReturnType<Conversation["say"]>>

/** The turn ends by itself, and nothing is lost or done twice. */
export const hasSurvived = Effect.fnUntraced(function* (
  service: Service,
  world: World,
  point: Point,
  accepted: Accepted
) {
  const { session, turn } = accepted
  const talk = conversation(service, session)
  yield* point.afterwards?.(talk) ?? Effect.void
  assert.strictEqual((yield* talk.ended(turn)).outcome, "completed", session)
  const events = yield* talk.events
  isWhole(events)
  assert.deepStrictEqual(saidIn(events), [answer], session)
  assert.strictEqual(ofType(events, "TurnResumed").length, point.resumed, session)
  assert.strictEqual(world.runs(session), point.runs, session)
  if (point.command !== undefined) {
    assert.deepStrictEqual(
      ofType(events, "ToolReturned").map(({ outcome }) => outcome),
      [point.outcome ?? "succeeded"],
      session
    )
  }
  arePaired(world.model.requests.filter(({ body }) => sessionOf(JSON.stringify(body)) === session))
  assert.deepStrictEqual(yield* talk.say(message(session), "message-1"), accepted)
  assert.deepStrictEqual(yield* talk.events, events)
})

/** What holds for every log whose turns have all ended. */
export const isWhole = (events: ReadonlyArray<SessionEvent>) => {
  assert.deepStrictEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1)
  )
  const turns = new Set(ofType(events, "MessageAccepted").map(({ turn }) => turn))
  for (const type of ["TurnStarted", "TurnEnded"] as const) {
    assert.sameMembers(
      ofType(events, type).map(({ turn }) => turn),
      [...turns],
      type
    )
  }
  const asked = ofType(events, "ModelReplied").flatMap(({ content, turn }) =>
    content.flatMap((part) => (part.type === "tool-call" ? [`${turn} ${part.id}`] : []))
  )
  const returned = ofType(events, "ToolReturned").map(({ call, turn }) => `${turn} ${call}`)
  assert.deepStrictEqual(returned.toSorted(), asked.toSorted(), "every call has exactly one result")
  const texts = ofType(events, "ModelReplied").filter(({ finishReason }) => finishReason === "stop")
  assert.sameMembers(
    texts.map(({ turn }) => turn),
    [...turns],
    "every message is answered exactly once"
  )
}

interface Turn {
  readonly role: string
  readonly content: ReadonlyArray<{ readonly type: string; readonly id?: string; readonly tool_use_id?: string }>
}

/** The calls of a reply are followed by their results, as the API demands. */
const arePaired = (requests: ReadonlyArray<Model.Recorded>) => {
  for (const { body } of requests) {
    const { messages } = body as { readonly messages: ReadonlyArray<Turn> }
    for (const [index, { content }] of messages.entries()) {
      const calls = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []))
      const results = messages[index + 1]?.content.flatMap((block) => block.tool_use_id ?? []) ?? []
      assert.deepStrictEqual(results, calls, "every call is followed by its result")
    }
  }
}
