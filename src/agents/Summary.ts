/**
 * Has the model summarise the older part of a session, and reports what came of it as a `Compacted`.
 *
 * A summary that fails, takes too long, says nothing that can be understood or makes nothing shorter costs what it would
 * have stood for, and the event says so: no turn waits for a summary more than once. Its text is shown to nobody.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SummaryRequest } from "../domain/Note.ts"
import type { NewSessionEvent, NewSessionEventOf } from "../domain/SessionEvent.ts"
import type { ProviderError } from "../providers/ProviderError.ts"
import {
  droppedDetail,
  noteOf,
  roomForNote,
  summarised,
  summaryRequest,
  withInstructions,
  withoutSummary
} from "../sessions/Compaction.ts"
import type { SpendLimitReached } from "../tenants/Spending.ts"
import * as NoteChange from "../sessions/NoteChange.ts"
import type { ServingAgent } from "./Agents.ts"
import { type Answer, overspent } from "./ModelAnswer.ts"
import { targetsOf } from "./ModelRequest.ts"
import type { Session } from "./Session.ts"
import { changesIn, promptOf } from "./SummaryText.ts"
import type { Act } from "./TurnPlan.ts"

type CompactAct = Extract<Act, { readonly _tag: "Compact" }>
type Targets = ReturnType<typeof targetsOf>

/** What was used, of whom, and what it cost if that is known. */
interface Spent {
  readonly usage: NonNullable<NewSessionEventOf<"Compacted">["usage"]>
  readonly model: string
  readonly cost?: number
}

/** How long a summary may take, with everything the provider tries again. */
const patience = "3 minutes"

class SummaryFailed extends Schema.TaggedError<SummaryFailed>()("SummaryFailed", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** Makes the older part of the session shorter, one way or the other. */
export const compact = Effect.fn("Summary.compact")(
  function* (answer: Answer, session: Session, agent: ServingAgent, act: CompactAct) {
    const { limits, state } = act
    const targets = targetsOf(agent, state.turn.model)
    yield* Effect.annotateCurrentSpan({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": targets[0].model,
      "gen_ai.conversation.id": session.id
    })
    const { note, spent } = yield* noteBy(answer, targets, session, act)
    const without = (detail: string) => ({ ...withoutSummary(state, limits, act, detail), ...spent })
    if (note === undefined) return without("the summary could not be understood")
    const { dropped, note: fitting } = NoteChange.fitting(note, roomForNote(state, limits))
    const detail = droppedDetail(dropped)
    const event = summarised(state, limits, act, fitting, { ...spent, ...(detail === undefined ? {} : { detail }) })
    return event ?? without("the summary was no shorter than what it would have stood for")
  },
  Effect.timeoutOrElse({
    duration: patience,
    orElse: () => Effect.fail(new SummaryFailed({ reason: `the summary took longer than ${patience}` }))
  }),
  (effect, _, session, __, act) =>
    Effect.catch(effect, (error) =>
      Effect.as(
        Effect.logWarning("summary failed").pipe(
          Effect.annotateLogs({ detail: error.message, turn: act.turn, session: session.id })
        ),
        instead(act, error)
      )
    )
)

/** The next note, asked for once more where it has become too long; none if the model's answer could not be understood. */
const noteBy = Effect.fnUntraced(function* (
  answer: Answer,
  targets: Targets,
  session: Session,
  { limits, state, through }: CompactAct
) {
  const first = yield* ask(answer, targets, session, limits.window, summaryRequest(state, limits, through))
  if (Option.isNone(first.changes)) return { note: undefined, spent: first.spent }
  const merged = NoteChange.merge(noteOf(state), first.changes.value)
  const room = Math.floor(roomForNote(state, limits))
  if (NoteChange.sizeOf(merged) <= room) return { note: withInstructions(state, through, merged), spent: first.spent }
  const second = Option.getOrUndefined(
    yield* Effect.option(ask(answer, targets, session, limits.window, { note: merged, transcript: [] }, room))
  )
  const changes = second === undefined ? {} : Option.getOrElse(second.changes, () => ({}))
  const note = withInstructions(state, through, NoteChange.merge(merged, changes))
  return { note, spent: second === undefined ? first.spent : together(first.spent, second.spent) }
})

const ask = Effect.fnUntraced(function* (
  answer: Answer,
  targets: Targets,
  session: Session,
  window: number,
  request: SummaryRequest,
  size?: number
) {
  const maxTokens = Math.max(256, Math.min(4_096, Math.floor(window / 8)))
  let text = ""
  const question = { prompt: promptOf(request, size), tools: [], maxTokens, session: session.id }
  const answered = yield* answer(targets, question, (parts) => {
    for (const part of parts) if (part.type === "text-delta") text += part.delta
  })
  if (answered._tag === "Cut") return yield* answered.error
  const { cost, model, usage } = answered
  const spent: Spent = { usage, model, ...(cost === undefined ? {} : { cost }) }
  return { changes: changesIn(text), spent }
})

const together = (one: Spent, other: Spent): Spent => ({
  model: other.model,
  usage: {
    inputTokens: summed(one.usage.inputTokens, other.usage.inputTokens),
    outputTokens: summed(one.usage.outputTokens, other.usage.outputTokens)
  },
  ...(one.cost === undefined || other.cost === undefined ? {} : { cost: one.cost + other.cost })
})

const summed = <Counts extends Readonly<Record<string, number | undefined>>>(one: Counts, other: Counts): Counts => {
  const sums = Object.keys({ ...one, ...other }).map((key) => [key, (one[key] ?? 0) + (other[key] ?? 0)])
  return Object.fromEntries(sums)
}

/** Who cannot be asked for a summary cannot be asked anything: nothing is left out on that account. */
const instead = (act: CompactAct, error: ProviderError | SpendLimitReached | SummaryFailed): NewSessionEvent => {
  const { limits, state, turn } = act
  if (error._tag === "SpendLimitReached") return overspent(turn, error)
  if (error._tag === "ProviderError" && refusesAnybody(error)) {
    const { message, reason } = error
    return { type: "TurnEnded", turn, outcome: "failed", failure: { type: reason, message } }
  }
  return withoutSummary(state, limits, act, error.message)
}

const refusesAnybody = ({ reason }: ProviderError): boolean => {
  switch (reason) {
    case "authentication":
    case "billing":
    case "permission":
    case "not_found":
    case "connection":
    case "rate_limited":
      return true
    default:
      return false
  }
}
