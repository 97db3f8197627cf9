/**
 * One turn in the terminal: the message goes out, the answer is shown as it comes, and a person is asked for consent.
 *
 * At a terminal the person may go on typing meanwhile: it answers an open question, cancels, or joins the turn.
 * Lines from a pipe wait until the turn has ended, or answer its questions in their order.
 */
import * as Effect from "effect/Effect"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { Cause } from "effect"
import type { Verdict } from "../domain/Approval.ts"
import type { AgentId, ApprovalId, SessionId, TenantId, TurnId } from "../domain/Ids.ts"
import type { SessionEvent, SessionEventOf } from "../domain/SessionEvent.ts"
import type { TextDelta } from "../telemetry/Signals.ts"
import type { EncodedFile } from "./BringingFiles.ts"
import type { Client } from "./Client.ts"
import { Failed, fail, say } from "./Output.ts"
import { type Shown, show, type Style } from "./Transcript.ts"

/** A conversation and how it is shown. */
export interface Talk {
  readonly client: Client
  readonly params: { readonly tenant: TenantId; readonly session: SessionId }
  readonly agent: AgentId
  readonly json: boolean
  readonly style: Style
  /** The last event that has been shown. */
  readonly seen: Ref.Ref<number>
  /** Whether the last turn that ended failed. */
  readonly failed: Ref.Ref<boolean>
  readonly lines: Queue.Queue<string, Cause.Done>
  /** Whether a person sits in front of it. */
  readonly interactive: boolean
}

/** A message that has been sent, and what came of it so far. */
interface Speaking extends Talk {
  /** Turns that have to end before the next question. */
  readonly awaited: Ref.Ref<HashSet.HashSet<TurnId>>
  readonly open: Ref.Ref<Option.Option<ApprovalId>>
  readonly shown: Ref.Ref<Shown>
}

/** Asks on stderr, so that stdout holds nothing but the answers; none at the end of the input. */
export const ask = Effect.fnUntraced(function* ({ interactive, lines }: Talk, question: string) {
  if (interactive) yield* Effect.sync(() => process.stderr.write(question))
  return yield* Effect.option(Queue.take(lines))
})

export const cancel = ({ client, params }: Talk) =>
  client.sessions.cancel({ params }).pipe(
    Effect.flatMap(({ cancelled }) => (cancelled === null ? say("nothing is running") : Effect.void)),
    Effect.catch((error) => say(`! ${error.message}`))
  )

/** What is said, and what goes along with it. */
interface Saying {
  readonly text: string
  readonly files: ReadonlyArray<EncodedFile>
}

/** Says something and shows what comes of it, until every turn it became part of has ended; false if it was not taken. */
export const speak = Effect.fnUntraced(function* (talk: Talk, saying: Saying) {
  const speaking: Speaking = {
    ...talk,
    awaited: yield* Ref.make(HashSet.empty<TurnId>()),
    open: yield* Ref.make(Option.none<ApprovalId>()),
    shown: yield* Ref.make<Shown>("")
  }
  const events = yield* watch(talk)
  if (!(yield* send(speaking, saying))) return false
  const attending = attend(speaking, events)
  yield* talk.interactive ? Effect.raceFirst(attending, listen(speaking)) : attending
  return true
}, Effect.scoped)

/** Watches before anything is said, so that the answer is seen from its first word on. */
const watch = Effect.fnUntraced(function* ({ client, params, seen }: Talk) {
  const query = { after: yield* Ref.get(seen) }
  const response = yield* client.sessions
    .events({ params, query, headers: { accept: "text/event-stream" } })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (!Stream.isStream(response)) return yield* fail("the service does not stream events")
  const queue = yield* Stream.toQueue(
    Stream.map(response, ({ data }) => data),
    { capacity: "unbounded" }
  )
  return Stream.fromQueue(queue)
})

/** Whether it was taken. Nobody at a pipe would read that it was not. */
const send = ({ agent, awaited, client, interactive, params }: Speaking, { files, text }: Saying) =>
  client.sessions.say({ params, payload: { agent, text, ...(files.length === 0 ? {} : { files }) } }).pipe(
    Effect.tap(({ turn }) => Ref.update(awaited, HashSet.add(turn))),
    Effect.as(true),
    Effect.catch(({ message }) => (interactive ? Effect.as(say(`! ${message}`), false) : fail(`! ${message}`)))
  )

const attend = <E>(speaking: Speaking, events: Stream.Stream<SessionEvent | TextDelta, E>) =>
  events.pipe(
    Stream.mapEffect((event) => pass(speaking, event)),
    Stream.takeUntil((last) => last),
    Stream.runFold(
      () => false,
      (_, last) => last
    ),
    Effect.filterOrFail((over) => over),
    Effect.catch((error) => (error instanceof Failed ? Effect.fail(error) : fail(lost)))
  )

const lost = "the connection to the service was lost; the turn goes on there"

/** Shows an event of a turn that is awaited; whether it was the last one. */
const pass = Effect.fnUntraced(function* (speaking: Speaking, event: SessionEvent | TextDelta) {
  const awaited = yield* Ref.get(speaking.awaited)
  if ("seq" in event) yield* Ref.set(speaking.seen, event.seq)
  if (!("turn" in event) || !HashSet.has(awaited, event.turn)) return false
  const [text, shown] = show(event, yield* Ref.get(speaking.shown), speaking.style)
  yield* Ref.set(speaking.shown, shown)
  yield* write(speaking.json ? `${JSON.stringify(event)}\n` : text)
  if (event.type === "ApprovalAsked") yield* consent(speaking, event)
  if (event.type === "ApprovalSettled") yield* Ref.set(speaking.open, Option.none())
  if (event.type !== "TurnEnded") return false
  yield* Ref.set(speaking.failed, event.outcome === "failed")
  return HashSet.isEmpty(yield* Ref.updateAndGet(speaking.awaited, HashSet.remove(event.turn)))
})

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

const question = "allow? [y]es once, [a]lways in this session, [n]o: "

/** The end of a pipe is no answer. At a terminal the answer comes with what else is typed. */
const consent = Effect.fnUntraced(function* (speaking: Speaking, event: SessionEventOf<"ApprovalAsked">) {
  yield* say(`${event.tool} asks: ${event.summary}`)
  if (speaking.interactive) {
    yield* Ref.set(speaking.open, Option.some(event.approval))
    yield* Effect.sync(() => process.stderr.write(question))
    return
  }
  const answer = yield* ask(speaking, question)
  if (Option.isNone(answer)) return yield* fail("the turn waits for an approval; nobody is here to give it")
  yield* settle(speaking, event.approval, answer.value)
})

const verdicts: Record<string, Verdict> = { y: "allow", yes: "allow", a: "allowAlways", always: "allowAlways" }

/** Anything but a clear yes is a no. */
const settle = ({ client, params }: Talk, approval: ApprovalId, answer: string) => {
  const verdict = verdicts[answer.trim().toLowerCase()] ?? "deny"
  return client.tenants
    .settle({ params: { tenant: params.tenant, approval }, payload: { verdict } })
    .pipe(Effect.catch((error) => say(`! ${error.message}`)))
}

/** Takes what is typed during the turn, until the person wants to leave. */
const listen = Effect.fnUntraced(function* (speaking: Speaking) {
  for (;;) {
    const line = yield* Effect.option(Queue.take(speaking.lines))
    const text = Option.getOrElse(line, () => "/quit").trim()
    const approval = yield* Ref.getAndSet(speaking.open, Option.none())
    if (text === "/quit") return yield* Queue.end(speaking.lines)
    if (text === "/cancel") yield* cancel(speaking)
    else if (Option.isSome(approval)) yield* settle(speaking, approval.value, text)
    else if (text !== "") yield* send(speaking, { text, files: [] })
  }
})
