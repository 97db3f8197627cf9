/** `fiberclaw usage`: what models were used for and what that cost. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Day } from "../domain/Day.ts"
import { SessionId, TenantId } from "../domain/Ids.ts"
import { type Dimension, Dimensions } from "../domain/Usage.ts"
import { clientFlags, jsonFlag } from "./Options.ts"

const day = (name: string, description: string) =>
  Flag.optional(
    Flag.String(name).pipe(Flag.withSchema(Day), Flag.withMetavar("YYYY-MM-DD"), Flag.withDescription(description))
  )

const flags = {
  ...clientFlags,
  tenant: Flag.String("tenant").pipe(
    Flag.withSchema(TenantId),
    Flag.withDefault(TenantId.make("default")),
    Flag.withDescription("The tenant (default: default)")
  ),
  session: Flag.optional(
    Flag.String("session").pipe(
      Flag.withSchema(SessionId),
      Flag.withDescription("Every turn of this session, instead of the tenant's days")
    )
  ),
  by: Flag.String("by").pipe(
    Flag.withSchema(Dimensions),
    Flag.withDefault<ReadonlyArray<Dimension>>(["day"]),
    Flag.withDescription("What to tell apart: day (default), agent, session or model, or several, with commas")
  ),
  from: day("from", "The first day, in UTC (default: 30 days up to the last)"),
  to: day("to", "The last day, in UTC (default: today)"),
  json: jsonFlag
}

export const usage = Command.make("usage", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Usage.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription("Shows how many tokens models took and what they cost, deleted sessions included"),
  Command.withExamples([
    { command: "fiberclaw usage", description: "The last 30 days, day by day" },
    { command: "fiberclaw usage --by agent,model --from 2026-11-01", description: "Who used what since then" },
    { command: "fiberclaw usage --session notes", description: "Turn by turn" }
  ])
)
