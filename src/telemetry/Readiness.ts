/** What keeps the service from doing its work right now, asked of everybody who would know. */
import * as Context from "effect/Context"
import type { Effect } from "effect"

export class Readiness extends Context.Service<
  Readiness,
  {
    /** One sentence for each thing that is not well; none when all is. */
    readonly reasons: Effect.Effect<ReadonlyArray<string>>
  }
>()("fiberclaw/telemetry/Readiness") {}
