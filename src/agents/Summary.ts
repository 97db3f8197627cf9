/**
 * Has the model summarise the older part of a session, and reports what came of it as a `Compacted`.
 *
 * A summary that fails, takes too long, says nothing that can be understood or makes nothing shorter costs what it would
 * have stood for, and the event says so: no turn waits for a summary more than once. Its text is shown to nobody.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Response from "effect/ai/Response"
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
import * as NoteChange from "../sessions/NoteChange.ts"
import type { Resolved, ServingAgent } from "./Agents.ts"
import { servedBy } from "./ModelRequest.ts"
import type { Session } from "./Session.ts"
import { changesIn, promptOf } from "./SummaryText.ts"
import type { Act } from "./TurnPlan.ts"

type CompactAct = Extract<Act, { readonly _tag: "Compact" }>
type Usage = NonNullable<NewSessionEventOf<"Compacted">["usage"]>

/** How long a summary may take, with everything the provider tries again. */
const patience = "3 minutes"

class SummaryFailed extends Schema.TaggedError<SummaryFailed>()("SummaryFailed", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** Makes the older part of the session shorter, one way or the other. */
export const compact = Effect.fn("Summary.compact")(
  function* (session: Session, agent: ServingAgent, act: CompactAct) {
    const { limits, state } = act
    const served = servedBy(agent, state.turn.model)
    yield* Effect.annotateCurrentSpan({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": served.model,
      "gen_ai.conversation.id": session.id
    })
    const { note, usage } = yield* noteBy(served, session, act)
    const { dropped, note: fitting } = NoteChange.fitting(note, roomForNote(state, limits))
    const detail = droppedDetail(dropped)
    const event = summarised(state, limits, act, fitting, { usage, ...(detail === undefined ? {} : { detail }) })
    return event ?? withoutSummary(state, limits, act, "the summary was no shorter than what it would have stood for")
  },
  Effect.timeoutOrElse({
    duration: patience,
    orElse: () => Effect.fail(new SummaryFailed({ reason: `the summary took longer than ${patience}` }))
  }),
  (effect, session, _, act) =>
    Effect.catch(effect, (error) =>
      Effect.as(
        Effect.logWarning("summary failed").pipe(
          Effect.annotateLogs({ detail: error.message, turn: act.turn, session: session.id })
        ),
        instead(act, error)
      )
    )
)

/** The next note, asked for once more where it has become too long. */
const noteBy = Effect.fnUntraced(function* (
  served: Resolved,
  session: Session,
  { limits, state, through }: CompactAct
) {
  const first = yield* ask(served, session, limits.window, summaryRequest(state, limits, through))
  const merged = NoteChange.merge(noteOf(state), first.changes)
  const room = Math.floor(roomForNote(state, limits))
  if (NoteChange.sizeOf(merged) <= room) return { note: withInstructions(state, through, merged), usage: first.usage }
  const second = yield* Effect.option(ask(served, session, limits.window, { note: merged, transcript: [] }, room))
  if (Option.isNone(second)) return { note: withInstructions(state, through, merged), usage: first.usage }
  const note = withInstructions(state, through, NoteChange.merge(merged, second.value.changes))
  return { note, usage: together(first.usage, second.value.usage) }
})

const ask = Effect.fnUntraced(function* (
  { model, provider }: Resolved,
  session: Session,
  window: number,
  request: SummaryRequest,
  size?: number
) {
  const maxTokens = Math.max(256, Math.min(4_096, Math.floor(window / 8)))
  let text = ""
  let finish: Response.FinishPart | undefined
  yield* provider.stream({ model, prompt: promptOf(request, size), tools: [], maxTokens, session: session.id }).pipe(
    Stream.runForEach((part) =>
      Effect.sync(() => {
        if (part.type === "text-delta") text += part.delta
        if (part.type === "finish") finish = part
      })
    )
  )
  if (finish === undefined) return yield* new SummaryFailed({ reason: "the summary ended before it was finished" })
  const changes = changesIn(text)
  if (Option.isNone(changes)) return yield* new SummaryFailed({ reason: "the summary could not be understood" })
  return { changes: changes.value, usage: encodeUsage(finish.usage) }
})

const encodeUsage = Schema.encodeSync(Response.Usage)

const together = (one: Usage, other: Usage): Usage => ({
  inputTokens: summed(one.inputTokens, other.inputTokens),
  outputTokens: summed(one.outputTokens, other.outputTokens)
})

const summed = <Counts extends Readonly<Record<string, number | undefined>>>(one: Counts, other: Counts): Counts => {
  const sums = Object.keys({ ...one, ...other }).map((key) => [key, (one[key] ?? 0) + (other[key] ?? 0)])
  return Object.fromEntries(sums)
}

/** Who cannot be asked for a summary cannot be asked anything: nothing is left out on that account. */
const instead = (act: CompactAct, error: ProviderError | SummaryFailed): NewSessionEvent => {
  const { limits, state, turn } = act
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
