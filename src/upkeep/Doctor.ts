/**
 * Examines an installation from top to bottom, and changes nothing in it.
 *
 * It may run beside the service: databases are read on connections of their own, in worker threads and in short stretches,
 * so that nothing the service does has to wait. The service's own database is locked while it runs; then the service is
 * asked instead. However large a database is, memory is bounded.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { JobError } from "../threads/ThreadError.ts"
import { megabytes, ofLogs, ofSurvey, together } from "./DatabaseFindings.ts"
import { Databases, type Kind, type Stretch } from "./Databases.ts"
import { counted, type Finding, problem } from "./Finding.ts"
import { ofBackups, ofFolder, ofLeftovers, ofTenants, ofToken } from "./FolderFindings.ts"
import * as Layout from "./Layout.ts"
import { answering, type ServiceView, silent, stopped } from "./ServiceFindings.ts"

export interface Examination<R> {
  /** The data folder. */
  readonly data: string
  /** Decode every event, and compare every index with its table. */
  readonly deep: boolean
  /** The tenants that are configured; undefined where the configuration cannot be read. */
  readonly tenants: ReadonlyArray<string> | undefined
  /** Whether the administrator's token comes from the environment. */
  readonly tokenIsSet: boolean
  /** Asks the service that has the folder; fails with its address if it does not answer. */
  readonly ask: Effect.Effect<ServiceView, string, R>
  /** Told what takes long. */
  readonly progress: (text: string) => Effect.Effect<void>
}

/** About how many events one stretch looks at: about half a second. */
const budget = { deep: 50_000, shallow: 500_000 } as const

/** Everything that was found, in the order in which it was looked at. */
export const examine = Effect.fn("Doctor.examine")(function* <R>(options: Examination<R>) {
  const { data, tenants, tokenIsSet } = options
  const folder = yield* ofFolder(data)
  const beside = yield* ofLeftovers(data)
  const fs = yield* FileSystem.FileSystem
  if (!(yield* Effect.orElseSucceed(fs.exists(data), () => false))) return [...folder, ...beside]
  const own = yield* ofServiceDatabase(options)
  const found: Array<Finding> = [...folder, ...beside, ...own, ...(yield* ofToken(data, tokenIsSet))]
  const names = yield* Effect.orElseSucceed(fs.readDirectory(`${data}/${Layout.tenants}`), (): Array<string> => [])
  for (const tenant of names.toSorted()) found.push(...(yield* ofTenant(options, tenant)))
  const unknown = tenants === undefined ? [] : yield* ofTenants(data, tenants)
  return [...found, ...unknown, ...(yield* ofBackups(data))]
})

const ofServiceDatabase = Effect.fnUntraced(function* <R>({ ask, data, deep }: Examination<R>) {
  const file = `${data}/${Layout.serviceDatabase}`
  const databases = yield* Databases
  return yield* databases.survey(file, "service", deep).pipe(
    Effect.flatMap((survey) => {
      const itself = ofSurvey(file, "service", survey)
      if (survey.state !== "locked") return Effect.succeed([stopped, ...itself])
      return Effect.match(ask, {
        onFailure: (url): ReadonlyArray<Finding> => [silent(url), ...itself],
        onSuccess: (view) => [...answering(view), ...itself]
      })
    }),
    Effect.catch((error) => Effect.succeed([unexamined(file, error)]))
  )
})

const unexamined = (where: string, error: JobError): Finding =>
  problem(where, `it could not be examined: ${error.message}`, "nothing can be said of it", "run the doctor again")

const ofTenant = Effect.fnUntraced(function* <R>(options: Examination<R>, tenant: string) {
  const file = `${options.data}/${Layout.tenants}/${tenant}/${Layout.tenantDatabase}`
  const found = ofDatabase(options, file, "sessions")
  return yield* Effect.catch(found, (error) => Effect.succeed([unexamined(file, error)]))
})

const ofDatabase = Effect.fnUntraced(function* <R>({ deep, progress }: Examination<R>, file: string, kind: Kind) {
  const databases = yield* Databases
  yield* progress(`checking ${file}`)
  const survey = yield* databases.survey(file, kind, deep)
  const found = ofSurvey(file, kind, survey)
  if (survey.state !== "open" || survey.damage.length > 0 || survey.version !== survey.known) return found
  let seen: Stretch = { next: null, sessions: 0, events: 0, breaches: [], more: 0 }
  do {
    const request = { file, after: seen.next, budget: deep ? budget.deep : budget.shallow, deep }
    seen = together(seen, yield* databases.examine(request))
    if (seen.next !== null) yield* progress(progressOf(file, seen, survey))
  } while (seen.next !== null)
  return [...found, ...ofLogs(file, seen, deep)]
})

const progressOf = (
  file: string,
  seen: Stretch,
  { bytes, sessions }: { readonly bytes: number; readonly sessions: number }
) =>
  `  ${file} (${megabytes(bytes)}): ${counted(seen.sessions, "session")} of ${counted(sessions, "session")}, ` +
  counted(seen.events, "event")
