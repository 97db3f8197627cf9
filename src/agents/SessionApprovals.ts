/**
 * Approvals where they live: in the logs of the sessions that asked.
 *
 * Nobody's answer is an answer too: what nobody settles in time is settled here as expired, also when its time
 * ran out while the service was down.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Approvals } from "../approvals/Approvals.ts"
import { type Approval, ApprovalAlreadySettled, ApprovalUnknown, type Settlement } from "../domain/Approval.ts"
import type { ApprovalId } from "../domain/Ids.ts"
import { Incarnation } from "../kernel/Incarnation.ts"
import { SessionStore, type StoreUnavailable } from "../sessions/SessionStore.ts"
import { Directory } from "./Directory.ts"

/** How long after its time an approval may stay open: patience is counted in minutes. */
const tick = "1 second"

export const layer = Layer.effect(
  Approvals,
  Effect.suspend(() => make())
)

const make = Effect.fnUntraced(function* () {
  const store = yield* SessionStore
  const directory = yield* Directory

  const already = (id: ApprovalId, verdict: Settlement) => new ApprovalAlreadySettled({ id, verdict })

  const find = Effect.fnUntraced(function* (id: ApprovalId) {
    const record = yield* store.approval(id)
    if (Option.isNone(record)) return yield* new ApprovalUnknown({ id })
    return record.value
  })

  const settle: Approvals["Service"]["settle"] = Effect.fn("Approvals.settle")(function* (id, verdict, options) {
    const { approval, settled } = yield* find(id)
    if (settled !== undefined) return yield* already(id, settled)
    const first = yield* directory.settle(approval.session, id, verdict, options)
    if (!first) return yield* already(id, (yield* find(id)).settled ?? "cancelled")
    return approval
  })

  const expire = Effect.fnUntraced(function* () {
    const now = yield* Clock.currentTimeMillis
    const due = (yield* store.approvals).filter((approval: Approval) => Date.parse(approval.expiresAt) <= now)
    yield* Effect.forEach(due, ({ id, session }) => patiently(directory.settle(session, id, "expired", {})), {
      discard: true
    })
  })

  const expiring = patiently(Effect.suspend(expire)).pipe(Effect.andThen(Effect.sleep(tick)), Effect.forever)
  yield* Incarnation.use(({ fork }) => fork(expiring, { mustNotEnd: "the expiry of approvals" }))

  return Approvals.of({ pending: store.approvals, settle })
})

/** One session that cannot be read does not keep the others waiting. */
const patiently = <A>(settling: Effect.Effect<A, StoreUnavailable>) =>
  Effect.catchTag(settling, "StoreUnavailable", (error) => Effect.logWarning("approvals wait for the store", error))
