/** What models were used for and what that cost: of a tenant by day, agent, session and model, and of a session by turn. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import { Day } from "../domain/Day.ts"
import { SessionId, TenantId } from "../domain/Ids.ts"
import { TurnUsage } from "../domain/TurnUsage.ts"
import { Dimensions, Usage, UsageShare } from "../domain/Usage.ts"
import { Authorization } from "./Access.ts"
import { BadRequest, tenantProblems } from "./Problems.ts"

const unpriced = Schema.Array(Schema.String)

const TenantUsage = Schema.Struct({
  from: Day,
  to: Day,
  usage: Schema.Array(UsageShare),
  total: Usage,
  unpriced
}).annotate({ identifier: "TenantUsage" })

const SessionUsage = Schema.Struct({ turns: Schema.Array(TurnUsage), total: Usage, unpriced }).annotate({
  identifier: "SessionUsage"
})

const meaning =
  "`inputTokens` is all input, what was read from and written to a cache included. `costUsd` is of calls whose price is " +
  "known; `unpricedCalls` counts the others, and `unpriced` names their models."

export class UsageApi extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("tenant", "/usage", {
      params: { tenant: TenantId },
      query: {
        from: Schema.optionalKey(Day),
        to: Schema.optionalKey(Day),
        by: Schema.optionalKey(Dimensions)
      },
      success: TenantUsage,
      error: [...tenantProblems, BadRequest]
    }).annotate(
      OpenApi.Description,
      "What models were used for from one day to another, both included and in UTC: by default the last 30 days, by day. " +
        `\`by\` is one or several of day, agent, session and model, with commas. ${meaning} Deleted sessions count too.`
    ),
    HttpApiEndpoint.get("session", "/sessions/:session/usage", {
      params: { tenant: TenantId, session: SessionId },
      success: SessionUsage,
      error: tenantProblems
    }).annotate(OpenApi.Description, `What each turn of a session used. ${meaning} What a fork copied does not count.`)
  )
  .middleware(Authorization)
  .prefix("/api/v1/tenants/:tenant") {}
