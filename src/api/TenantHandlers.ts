/** Answers about tenants, agents and approvals. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { type AgentStatus, Agents } from "../agents/Agents.ts"
import { Directory } from "../agents/Directory.ts"
import { Approvals } from "../approvals/Approvals.ts"
import { reaches } from "../domain/Access.ts"
import type { TenantId } from "../domain/Ids.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { Spending } from "../tenants/Spending.ts"
import { Tenants, type TenantStatus } from "../tenants/Tenants.ts"
import { CurrentCaller, inTenant } from "./Access.ts"
import { Api } from "./Api.ts"
import { Conflict, NotFound, unavailable } from "./Problems.ts"
import { providerViews } from "./ProviderView.ts"
import type { AgentView, TenantView } from "./TenantsApi.ts"

const agentView = ({ definition, ...agent }: AgentStatus): AgentView => ({
  ...agent,
  definition: {
    model: `${definition.model.provider}/${definition.model.name}`,
    fallbacks: definition.fallbacks.map(({ name, provider }) => `${provider}/${name}`),
    instructions: definition.instructions,
    maxTokens: definition.maxTokens,
    maxSteps: definition.maxSteps,
    tools: definition.tools,
    midTurn: definition.midTurn,
    approvals: {
      dangerous: definition.approvals.dangerous,
      patienceSeconds: Duration.toSeconds(definition.approvals.patience)
    }
  }
})

const use = Effect.gen(function* () {
  const agents = yield* Agents.use((service) => service.all)
  const sessions = yield* SessionStore.use((store) => store.count)
  const activeSessions = yield* Directory.use((directory) => directory.active)
  const today = yield* Spending.use((spending) => spending.today)
  const providers = yield* providerViews
  return { use: { agents: agents.length, sessions, activeSessions }, today, providers }
})

/** A tenant that is not up is shown without its use. */
const tenantView = Effect.fnUntraced(function* ({ config, generation, id, state }: TenantStatus) {
  const view: TenantView = { id, name: config.name, state, generation, limits: config.limits }
  return yield* inTenant(id, "viewer", use).pipe(
    Effect.map((current): TenantView => ({ ...view, ...current })),
    Effect.catch(() => Effect.succeed(view))
  )
})

type InTenant = { readonly params: { readonly tenant: TenantId } }

const tenants = Effect.fnUntraced(function* () {
  const caller = yield* CurrentCaller
  const all = yield* Tenants.use((service) => service.all)
  return {
    tenants: yield* Effect.forEach(
      all.filter(({ id }) => reaches(caller, id)),
      tenantView
    )
  }
})

const tenant = Effect.fnUntraced(function* ({ params }: InTenant) {
  const caller = yield* CurrentCaller
  const missing = new NotFound({ detail: `there is no tenant ${params.tenant}` })
  if (!reaches(caller, params.tenant)) return yield* missing
  const status = yield* Tenants.use((service) => service.status(params.tenant)).pipe(Effect.mapError(() => missing))
  return yield* tenantView(status)
})

export const TenantHandlers = HttpApiBuilder.group(Api, "tenants", (handlers) =>
  handlers.handleAll({
    tenants,
    tenant,
    agents: ({ params }) =>
      inTenant(
        params.tenant,
        "viewer",
        Effect.map(
          Agents.use((service) => service.all),
          (all) => ({ agents: all.map(agentView) })
        )
      ),
    agent: ({ params }) =>
      inTenant(
        params.tenant,
        "viewer",
        Effect.gen(function* () {
          const all = yield* Agents.use((service) => service.all)
          const found = all.find(({ id }) => id === params.agent)
          return found === undefined
            ? yield* new NotFound({ detail: `there is no agent ${params.agent}` })
            : agentView(found)
        })
      ),
    approvals: ({ params }) =>
      inTenant(
        params.tenant,
        "viewer",
        Effect.map(
          Approvals.use((service) => service.pending),
          (approvals) => ({ approvals })
        ).pipe(Effect.mapError(unavailable))
      ),
    settle: ({ params, payload }) =>
      inTenant(
        params.tenant,
        "operator",
        Effect.gen(function* () {
          const { name } = yield* CurrentCaller
          const approvals = yield* Approvals
          yield* approvals.settle(params.approval, payload.verdict, { by: name, reason: payload.reason })
          return { id: params.approval, verdict: payload.verdict }
        }).pipe(
          Effect.catchTags({
            ApprovalUnknown: (error) => new NotFound({ detail: error.message }),
            ApprovalAlreadySettled: (error) => new Conflict({ detail: error.message }),
            StoreUnavailable: unavailable
          })
        )
      )
  })
)
