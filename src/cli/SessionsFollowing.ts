/** Follows a session: every event as it is written, and the text of the model as it comes. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../domain/Ids.ts"
import { type SessionEvent, textOf, unseen } from "../domain/SessionEvent.ts"
import type { TextDelta } from "../telemetry/Signals.ts"
import { connect } from "./Client.ts"
import { fail, say } from "./Output.ts"
import type { Given } from "./SessionsListing.ts"
import { eventLine } from "./SessionTables.ts"

export interface FollowGiven extends Given {
  readonly session: SessionId
  readonly after: Option.Option<number>
}

/** Until the session is deleted, the service stops or the person has seen enough. */
export const follow = Effect.fnUntraced(
  function* (given: FollowGiven) {
    const client = yield* connect(given)
    const params = { tenant: given.tenant, session: given.session }
    const last = Effect.map(client.sessions.session({ params }), ({ seq }) => seq)
    const after = yield* Option.match(given.after, {
      onNone: () => Effect.catchTag(last, "NotFound", () => Effect.succeed(0)),
      onSome: Effect.succeed
    })
    const events = yield* client.sessions.events({ params, query: { after }, headers: { accept: "text/event-stream" } })
    if (!Stream.isStream(events)) return yield* fail("the service does not stream events")
    const isOver = yield* events.pipe(
      Stream.map(({ data }) => data),
      Stream.mapAccum(
        () => "",
        (shown, event) => {
          if (given.json) return [shown, [`${JSON.stringify(event)}\n`]]
          const [text, next] = tell(event, shown)
          return [next, [text]]
        }
      ),
      Stream.runForEach((text) => Effect.sync(() => process.stdout.write(text))),
      Effect.as(true),
      Effect.raceFirst(Effect.as(unread, false))
    )
    if (isOver) yield* say("there is no more to follow: the session was deleted, or the service stops")
  },
  Effect.catch((error) => {
    if (error._tag === "Failed") return Effect.fail(error)
    return fail("message" in error ? error.message : "the service told something that is not understood here")
  })
)

/** Waits until nobody reads what is written any more: `fiberclaw sessions follow … | head` is to end. */
const unread = Effect.callback<void>((resume) => {
  const gone = () => resume(Effect.void)
  process.stdout.once("close", gone)
  return Effect.sync(() => process.stdout.off("close", gone))
})

const controls = /[^\P{Cc}\n\t]/gu

/** What to write for an event, and what of the present reply has been shown after it. */
export const tell = (event: SessionEvent | TextDelta, shown: string): readonly [text: string, shown: string] => {
  if (event.type === "TextDelta") {
    return event.offset === shown.length ? [clean(event.text), shown + event.text] : ["", shown]
  }
  const line = `${eventLine(event)}\n`
  if (event.type !== "ModelReplied" && !(event.type === "ReplyCut" && event.text !== ""))
    return [`${shown === "" ? "" : "\n"}${line}`, ""]
  const whole = textOf(event)
  return [whole === "" ? line : `${clean(unseen(whole, shown, "\n"))}\n${line}`, ""]
}

/** A terminal would obey what is in a text. */
const clean = (text: string): string => text.replace(controls, "")
