/** What the session store is asked, and the form of its answers. */
import type { Approval, Settlement } from "../domain/Approval.ts"
import type { Day } from "../domain/Day.ts"
import type { AgentId, SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import type { Dimension } from "../domain/Usage.ts"

/** Which sessions, and in which order: by id, or the one that was written to last first. */
export interface SessionQuery {
  readonly order: "id" | "recent"
  /** Behind this one, as `cursorOf` names it. */
  readonly after?: string | undefined
  readonly limit: number
  readonly agent?: AgentId | undefined
  /** Part of the id or the name, whatever its case. */
  readonly named?: string | undefined
}

/** The place of a session in a list of this order. */
export const cursorOf = (
  order: SessionQuery["order"],
  { id, updatedAt }: { readonly id: string; readonly updatedAt: string }
): string => (order === "id" ? id : `${updatedAt} ${id}`)

/** Whether `part`, if there is one, is part of a session's id or name. */
export const named = (
  { id, name = "" }: { readonly id: string; readonly name?: string },
  part: string | undefined
): boolean => part === undefined || [id, name].some((text) => text.toLowerCase().includes(part.toLowerCase()))

export interface SearchQuery {
  readonly text: string
  readonly session?: SessionId | undefined
  readonly agent?: AgentId | undefined
  /** How many hits to pass over. */
  readonly skip?: number | undefined
  readonly limit: number
}

/** An event that holds what was searched for, and the words around it. */
export interface SearchHit {
  readonly session: SessionId
  readonly seq: number
  readonly at: string
  readonly type: SessionEvent["type"]
  readonly excerpt: string
}

/** Usage from one day to another, both included, told apart by `by`: by nothing, it is one sum. */
export interface UsageQuery {
  readonly from?: Day | undefined
  readonly to?: Day | undefined
  readonly by: ReadonlyArray<Dimension>
}

/** Which part of a list: at most `limit` items behind the last one seen. */
export interface Page<Cursor> {
  readonly after?: Cursor | undefined
  readonly limit: number
}

/** An approval with its fate; `settled` is absent while it is open. */
export interface ApprovalRecord {
  readonly approval: Approval
  readonly settled?: Settlement | undefined
}
