/**
 * What an agent's turns have room for: pure.
 *
 * What its file says of the window counts before what providers say of their models, and these before a guess. A reply is
 * never meant to be longer than its model can make it.
 */
import { type AgentConfig, defaultWindow } from "../config/AgentConfig.ts"
import { leastOf, replyWithin } from "../providers/ModelLimits.ts"
import type { ModelLimits } from "../providers/Provider.ts"
import type { Limits } from "../sessions/Estimate.ts"

type Definition = Pick<AgentConfig, "context" | "maxTokens">

/** `models` are the limits of all that the next request may go to: it has to fit each of them. */
export const contextFor = (
  { context, maxTokens }: Definition,
  models: ReadonlyArray<ModelLimits>,
  around: Pick<Limits, "overhead" | "counts">
): Limits => ({
  ...around,
  compactAt: context.compactAt,
  keepTurns: context.keepTurns,
  window: context.window ?? leastOf(...models.map(({ maxInputTokens }) => maxInputTokens)) ?? defaultWindow,
  maxTokens: models.reduce(replyWithin, maxTokens)
})
