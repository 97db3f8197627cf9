/** What keeps the service from doing its work right now, asked of everybody who would know. */
import { Context, type Effect } from "effect"

export class Readiness extends Context.Service<
  Readiness,
  {
    /** One sentence for each thing that is not well; none when all is. */
    readonly reasons: Effect.Effect<ReadonlyArray<string>>
  }
>()("fiberclaw/telemetry/Readiness") {}
