/**
 * Consent for tool calls, durable: a request outlives the process, and a verdict may come days later.
 *
 * The turn asks by recording `ApprovalAsked`; a person settles it here. The first verdict wins, and one that
 * nobody gives in time is settled as expired by itself.
 */
import * as Context from "effect/Context"
import type { Effect } from "effect"
import type { Approval, ApprovalAlreadySettled, ApprovalUnknown, Verdict } from "../domain/Approval.ts"
import type { ApprovalId } from "../domain/Ids.ts"
import type { StoreUnavailable } from "../sessions/SessionStore.ts"

export class Approvals extends Context.Service<
  Approvals,
  {
    /** Approvals still open, oldest first. */
    readonly pending: Effect.Effect<ReadonlyArray<Approval>, StoreUnavailable>
    /** Records a verdict; it is on disk when this succeeds, and the turn goes on. */
    settle(
      id: ApprovalId,
      verdict: Verdict,
      options: { readonly by: string; readonly reason?: string | undefined }
    ): Effect.Effect<Approval, ApprovalUnknown | ApprovalAlreadySettled | StoreUnavailable>
  }
>()("fiberclaw/approvals/Approvals") {}
