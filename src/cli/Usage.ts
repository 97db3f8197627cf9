/** Asks a running service what models were used for, and shows it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Day } from "../domain/Day.ts"
import type { SessionId, TenantId } from "../domain/Ids.ts"
import type { Dimension } from "../domain/Usage.ts"
import { type ClientOptions, connect } from "./Client.ts"
import { fail, print } from "./Output.ts"
import { turnLines, unpricedLines, usageLines } from "./UsageTable.ts"

/** The flags of `fiberclaw usage`. */
export interface Given extends ClientOptions {
  readonly tenant: TenantId
  readonly session: Option.Option<SessionId>
  readonly by: ReadonlyArray<Dimension>
  readonly from: Option.Option<Day>
  readonly to: Option.Option<Day>
  readonly json: boolean
}

export const run = (given: Given) =>
  Option.match(given.session, { onNone: () => ofTenant(given), onSome: (session) => ofSession(given, session) })

const ofTenant = Effect.fnUntraced(function* ({ by, from, json, tenant, to, ...options }: Given) {
  const client = yield* connect(options)
  const query = {
    by,
    ...(Option.isSome(from) && { from: from.value }),
    ...(Option.isSome(to) && { to: to.value })
  }
  const answer = yield* client.usage
    .tenant({ params: { tenant }, query })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (json) return yield* print(JSON.stringify(answer))
  const { total, unpriced, usage } = answer
  yield* print([...usageLines(by, usage, total), ...unpricedLines(unpriced)].join("\n"))
})

const ofSession = Effect.fnUntraced(function* ({ json, tenant, ...options }: Given, session: SessionId) {
  const client = yield* connect(options)
  const answer = yield* client.usage
    .session({ params: { tenant, session } })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (json) return yield* print(JSON.stringify(answer))
  yield* print([...turnLines(answer.turns, answer.total), ...unpricedLines(answer.unpriced)].join("\n"))
})
