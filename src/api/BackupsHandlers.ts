/** Answers about backups. They hold every tenant's data, so nobody who is bound to a tenant gets any. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Backups } from "../upkeep/Backups.ts"
import { requireRole } from "./Access.ts"
import { Api } from "./Api.ts"
import { Conflict, Forbidden } from "./Problems.ts"

const requireAll = Effect.gen(function* () {
  const caller = yield* requireRole("admin")
  if (caller.tenant === undefined) return caller
  return yield* new Forbidden({
    detail: `backups hold every tenant's data, and the token is bound to ${caller.tenant}`
  })
})

export const BackupsHandlers = HttpApiBuilder.group(
  Api,
  "backups",
  Effect.fnUntraced(function* (handlers) {
    const service = yield* Backups
    return handlers.handleAll({
      backups: Effect.fnUntraced(function* () {
        yield* requireAll
        return { backups: yield* service.all }
      }),
      backUp: Effect.fnUntraced(function* () {
        const { name } = yield* requireAll
        yield* Effect.annotateLogs(Effect.logInfo("backup asked for"), { by: name })
        return yield* Effect.mapError(service.begin, ({ message }) => new Conflict({ detail: message }))
      })
    })
  })
)
