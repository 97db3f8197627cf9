/**
 * What models were used for: calls, tokens and money, and how they add up. Pure.
 *
 * A call counts when its whole reply is in the log. What a session took over from elsewhere (the copy a fork begins as, an
 * import) was used there and is not counted again.
 */
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { Day } from "./Day.ts"
import { AgentId, SessionId } from "./Ids.ts"
import type { NewSessionEvent, SessionEvent } from "./SessionEvent.ts"

/**
 * `inputTokens` is all input, what was read from and written to a cache included. `costUsd` is of the calls whose price is
 * known; `unpricedCalls` counts the others, of whose cost nothing is known.
 */
export const Usage = Schema.Struct({
  calls: Schema.Int,
  inputTokens: Schema.Int,
  cacheReadTokens: Schema.Int,
  cacheWriteTokens: Schema.Int,
  outputTokens: Schema.Int,
  costUsd: Schema.Finite,
  unpricedCalls: Schema.Int
})
export type Usage = typeof Usage.Type

export const none: Usage = {
  calls: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  costUsd: 0,
  unpricedCalls: 0
}

export const plus = (one: Usage, other: Usage): Usage => ({
  calls: one.calls + other.calls,
  inputTokens: one.inputTokens + other.inputTokens,
  cacheReadTokens: one.cacheReadTokens + other.cacheReadTokens,
  cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  costUsd: one.costUsd + other.costUsd,
  unpricedCalls: one.unpricedCalls + other.unpricedCalls
})

export const total = (usages: Iterable<Usage>): Usage => Array.from(usages).reduce(plus, none)

/** Of which model, as `provider/model`. */
export interface ModelUsage {
  readonly model: string
  readonly usage: Usage
}

/** What stands for the model where a log of earlier days does not name it. */
export const unnamedModel = "unknown"

/** What an event says was used; nothing for most. `called` is who it was, where the event does not say. */
export const usedIn = (event: NewSessionEvent | SessionEvent, called = unnamedModel): ModelUsage | undefined => {
  if (event.type !== "ModelReplied" && event.type !== "ReplyCut" && event.type !== "Compacted") return undefined
  const { cost, model = called, usage } = event
  if (usage === undefined) return undefined
  const { cacheRead = 0, cacheWrite = 0, total: input = 0 } = usage.inputTokens
  return {
    model,
    usage: {
      calls: 1,
      inputTokens: input,
      cacheReadTokens: cacheRead,
      cacheWriteTokens: cacheWrite,
      outputTokens: usage.outputTokens.total ?? 0,
      costUsd: cost ?? 0,
      unpricedCalls: cost === undefined ? 1 : 0
    }
  }
}

/** Whether all of the log before this event was used elsewhere. */
export const isTakenOver = ({ type }: NewSessionEvent | SessionEvent): boolean =>
  type === "SessionForked" || type === "SessionImported"

/** By what usage is told apart. */
export const Dimension = Schema.Literals(["day", "agent", "session", "model"])
export type Dimension = typeof Dimension.Type

/** Written as `day` or `agent,model`. */
export const Dimensions = Schema.String.pipe(
  Schema.decodeTo(Schema.Array(Dimension).check(Schema.isMinLength(1), Schema.isUnique()), {
    // Which of them are none is found out by what they are decoded to.
    decode: SchemaGetter.transform((text) => text.split(",") as ReadonlyArray<Dimension>),
    encode: SchemaGetter.transform((names: ReadonlyArray<string>) => names.join(","))
  })
)

/** Usage of a day, an agent, a session, a model, or of a combination of them: by what is absent it is not told apart. */
export const UsageShare = Schema.Struct({
  day: Schema.optionalKey(Day),
  agent: Schema.optionalKey(AgentId),
  session: Schema.optionalKey(SessionId),
  model: Schema.optionalKey(Schema.String),
  ...Usage.fields
})
export type UsageShare = typeof UsageShare.Type

const namesOf = ({ agent, day, model, session }: UsageShare, by: ReadonlyArray<Dimension>) => ({
  ...(by.includes("day") && day !== undefined && { day }),
  ...(by.includes("agent") && agent !== undefined && { agent }),
  ...(by.includes("session") && session !== undefined && { session }),
  ...(by.includes("model") && model !== undefined && { model })
})

/** The same usage told apart by `by` only, and in that order. */
export const gathered = (shares: Iterable<UsageShare>, by: ReadonlyArray<Dimension>): ReadonlyArray<UsageShare> => {
  const found = new Map<string, UsageShare>()
  for (const share of shares) {
    const names = namesOf(share, by)
    const key = JSON.stringify(names)
    found.set(key, { ...names, ...plus(found.get(key) ?? none, share) })
  }
  const order = Order.mapInput(Order.Array(Order.String), (share: UsageShare) => by.map((name) => share[name] ?? ""))
  return Array.from(found.values()).sort(order)
}

/** The models among these that were used without a known price. */
export const unpricedAmong = (shares: Iterable<UsageShare>): ReadonlyArray<string> =>
  gathered(shares, ["model"]).flatMap(({ model = unnamedModel, unpricedCalls }) => (unpricedCalls > 0 ? [model] : []))
