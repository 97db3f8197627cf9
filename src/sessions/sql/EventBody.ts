/**
 * How an event is kept in a row: everything but `seq` and `at`, which have columns of their own, as JSON.
 *
 * What is written can be read: an event that does not fit its schema is a defect of the caller and is never stored.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import type { SessionId } from "../../domain/Ids.ts"
import { NewSessionEvent, type SessionEvent } from "../../domain/SessionEvent.ts"
import { StoreUnavailable } from "../SessionStore.ts"

/** A row of the events table, as a read selects it. */
export interface EventRow {
  readonly seq: number
  readonly at: string
  readonly body: string
}

const Body = Schema.toCodecJson(NewSessionEvent)

// Each event is encoded once and decoded many times: compiled, the one takes 0.6 of the time and the other 0.8.
for (const { ast } of [Body, Schema.flip(Body)]) SchemaJITCompiler.enable(ast)

const encode = Schema.encodeSync(Body)

/** Throws when the event does not fit its schema. */
export const encodeBody = (event: NewSessionEvent): string => JSON.stringify(encode(event))

const decodeBody = Schema.decodeUnknownResult(Schema.fromJsonString(Body))

/** The event of a row; a body that does not decode names its session, its number and the fault. */
export const decodeRow = (session: SessionId, row: EventRow): Result.Result<SessionEvent, StoreUnavailable> =>
  Result.mapBoth(decodeBody(row.body), {
    onSuccess: (event): SessionEvent => ({ ...event, seq: row.seq, at: row.at }),
    onFailure: (cause) =>
      new StoreUnavailable({
        reason: `event ${row.seq} of session ${session} cannot be read: ${cause.message.replaceAll(/\s+/g, " ")}`,
        cause
      })
  })
