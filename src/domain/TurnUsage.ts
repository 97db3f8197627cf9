/** What each turn of a session used: a fold over its log, in which what a fork copied or an import brought does not count. */
import * as Schema from "effect/Schema"
import { TurnId } from "./Ids.ts"
import type { SessionEvent } from "./SessionEvent.ts"
import { isTakenOver, none, plus, type UsageShare, Usage, usedIn } from "./Usage.ts"

/** `at`: when the first reply came; `models`: who replied, each once. */
export const TurnUsage = Schema.Struct({
  turn: TurnId,
  at: Schema.String,
  models: Schema.Array(Schema.String),
  ...Usage.fields
})
export type TurnUsage = typeof TurnUsage.Type

export class Tally {
  private readonly byTurn = new Map<TurnId, TurnUsage>()
  private readonly byModel = new Map<string, Usage>()
  private called: string | undefined

  /** The next event of the log. */
  take(event: SessionEvent): void {
    if (isTakenOver(event)) {
      this.byTurn.clear()
      this.byModel.clear()
    }
    if (event.type === "ModelCalled" || event.type === "TurnStarted") this.called = event.model
    const used = usedIn(event, this.called)
    if (used === undefined || !("turn" in event)) return
    const { model, usage } = used
    const before = this.byTurn.get(event.turn)
    const { at = event.at, models = [] } = before ?? {}
    this.byTurn.set(event.turn, {
      turn: event.turn,
      at,
      models: models.includes(model) ? models : [...models, model],
      ...plus(before ?? none, usage)
    })
    this.byModel.set(model, plus(this.byModel.get(model) ?? none, usage))
  }

  /** Oldest first. */
  get turns(): ReadonlyArray<TurnUsage> {
    return Array.from(this.byTurn.values())
  }

  /** The same, by model. */
  get models(): ReadonlyArray<UsageShare> {
    return Array.from(this.byModel, ([model, usage]) => ({ model, ...usage }))
  }
}
