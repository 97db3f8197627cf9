/** Tenants, their agents, and what waits for a person. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { Verdict } from "../domain/Approval.ts"
import { Day } from "../domain/Day.ts"
import { AgentId, ApprovalId, SessionId, TenantId } from "../domain/Ids.ts"
import { Authorization } from "./Access.ts"
import { Conflict, NotFound, tenantProblems } from "./Problems.ts"
import { ProviderView } from "./ProviderView.ts"

const Standing = Schema.Struct({
  used: Schema.Number,
  reserved: Schema.Number,
  limit: Schema.Number,
  left: Schema.Number
}).annotate({ identifier: "Standing" })

const TenantView = Schema.Struct({
  id: TenantId,
  name: Schema.String,
  state: Schema.String,
  generation: Schema.Int,
  limits: Schema.Struct({
    agents: Schema.Int,
    sessions: Schema.Int,
    concurrentTurns: Schema.Int,
    tokensPerDay: Schema.Int,
    costPerDayUsd: Schema.Number
  }),
  use: Schema.optionalKey(Schema.Struct({ agents: Schema.Int, sessions: Schema.Int, activeSessions: Schema.Int })),
  /** How the daily limits stand, in UTC; `reserved` is what calls under way may still take. */
  today: Schema.optionalKey(Schema.Struct({ day: Day, tokens: Standing, costUsd: Standing })),
  /** Which keys are left alone with which models, and which calls wait for room. */
  providers: Schema.optionalKey(Schema.Array(ProviderView))
}).annotate({ identifier: "Tenant" })
export type TenantView = typeof TenantView.Type

const AgentView = Schema.Struct({
  id: AgentId,
  status: Schema.Literals(["idle", "running", "restarting"]),
  generation: Schema.Int,
  restarts: Schema.Int,
  running: Schema.Int,
  definition: Schema.Struct({
    model: Schema.String,
    fallbacks: Schema.Array(Schema.String),
    instructions: Schema.String,
    maxTokens: Schema.Int,
    maxSteps: Schema.Int,
    tools: Schema.Array(Schema.String),
    midTurn: Schema.String,
    approvals: Schema.Struct({ dangerous: Schema.String, patienceSeconds: Schema.Number })
  })
}).annotate({ identifier: "Agent" })
export type AgentView = typeof AgentView.Type

const ApprovalView = Schema.Struct({
  id: ApprovalId,
  session: SessionId,
  agent: AgentId,
  tool: Schema.String,
  summary: Schema.String,
  askedAt: Schema.String,
  expiresAt: Schema.String
}).annotate({ identifier: "Approval" })

const VerdictPayload = Schema.Struct({
  verdict: Verdict,
  reason: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(2000)))
}).annotate({ identifier: "Verdict" })

export class TenantsApi extends HttpApiGroup.make("tenants")
  .add(
    HttpApiEndpoint.get("tenants", "/tenants", { success: Schema.Struct({ tenants: Schema.Array(TenantView) }) }),
    HttpApiEndpoint.get("tenant", "/tenants/:tenant", {
      params: { tenant: TenantId },
      success: TenantView,
      error: [NotFound]
    }),
    HttpApiEndpoint.get("agents", "/tenants/:tenant/agents", {
      params: { tenant: TenantId },
      success: Schema.Struct({ agents: Schema.Array(AgentView) }),
      error: tenantProblems
    }),
    HttpApiEndpoint.get("agent", "/tenants/:tenant/agents/:agent", {
      params: { tenant: TenantId, agent: AgentId },
      success: AgentView,
      error: tenantProblems
    }),
    HttpApiEndpoint.get("approvals", "/tenants/:tenant/approvals", {
      params: { tenant: TenantId },
      success: Schema.Struct({ approvals: Schema.Array(ApprovalView) }),
      error: tenantProblems
    }),
    HttpApiEndpoint.post("settle", "/tenants/:tenant/approvals/:approval", {
      params: { tenant: TenantId, approval: ApprovalId },
      payload: VerdictPayload,
      success: Schema.Struct({ id: ApprovalId, verdict: Verdict }),
      error: [...tenantProblems, Conflict]
    })
  )
  .middleware(Authorization)
  .prefix("/api/v1") {}
