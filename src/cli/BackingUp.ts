/** Makes a backup: through the service if one runs, else by itself. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as DataFolder from "../app/DataFolder.ts"
import * as ThreadedDatabases from "../sessions/sql/ThreadedDatabases.ts"
import { Threads } from "../threads/Threads.ts"
import * as Backup from "../upkeep/Backup.ts"
import { list } from "../upkeep/BackupList.ts"
import { Databases } from "../upkeep/Databases.ts"
import { megabytes } from "../upkeep/DatabaseFindings.ts"
import { counted } from "../upkeep/Finding.ts"
import * as Layout from "../upkeep/Layout.ts"
import { type Client, type ClientOptions, connect } from "./Client.ts"
import { environment, folders } from "./Options.ts"
import { fail, print, say } from "./Output.ts"

/** The flags of `fiberclaw backup`. */
export interface Given extends ClientOptions {
  readonly to: Option.Option<string>
  readonly json: boolean
}

/** Succeeds when the backup is on disk as a whole. */
export const run = Effect.fnUntraced(
  function* (given: Given) {
    const data = resolve(folders(given, yield* environment).data)
    const to = Option.getOrUndefined(Option.map(given.to, (folder) => resolve(folder)))
    if (`${to}/`.startsWith(`${data}/${Layout.tenants}/`))
      return yield* fail(`${to} is part of what is to be backed up`)
    const databases = yield* Databases
    const { detail, state } = yield* databases.survey(`${data}/${Layout.serviceDatabase}`, "service", false)
    if (state === "missing")
      return yield* fail(`there is nothing to back up in ${data}: name the data folder with --data`)
    if (state !== "open" && state !== "locked") {
      return yield* fail(`the database of ${data} cannot be read (${detail}): \`fiberclaw doctor\` says more`)
    }
    const made = state === "locked" ? yield* throughService(given, data) : yield* directly(data, to)
    const backup = state === "locked" && to !== undefined ? yield* copied(made, to) : made
    yield* print(given.json ? JSON.stringify(backup) : told(backup))
  },
  Effect.scoped,
  Effect.catchTags({
    BackupFailed: (error) => fail(error.message),
    DataFolderUnusable: (error) => fail(error.message),
    ThreadsBusy: (error) => fail(error.message),
    JobFailed: (error) => fail(error.message),
    JobTimedOut: (error) => fail(error.message),
    ThreadDied: (error) => fail(error.message)
  }),
  Effect.provide(Layer.provideMerge(ThreadedDatabases.layer, Threads.layer))
)

const told = ({ bytes, files, folder, skipped }: Backup.MadeBackup) =>
  `${folder}: ${counted(files, "file")}, ${megabytes(bytes)}` +
  (skipped === 0 ? "" : `; ${counted(skipped, "thing")} could not be kept, files.jsonl names them`)

const progress = (what: string) => say(`copying ${what}`)

/** Nobody else gets in meanwhile. */
const directly = Effect.fnUntraced(function* (data: string, to: string | undefined) {
  const createdAt = yield* Backup.instant
  const making = Backup.make({ data, into: to ?? `${data}/${Layout.backups}`, createdAt, progress })
  return yield* Effect.provide(making, DataFolder.layer(data))
})

const copied = (made: Backup.MadeBackup, to: string) =>
  Effect.andThen(say(`copying ${made.folder} to ${to}`), Backup.copyTo(made, to))

const throughService = Effect.fnUntraced(function* (given: Given, data: string) {
  const client = yield* connect(given)
  const { name } = yield* Effect.catch(client.backups.backUp(), (error) => fail(error.message))
  yield* say(`the service makes the backup ${name}`)
  const ended = Effect.repeat(statusOf(client, name), {
    until: ({ state }) => state !== "running",
    schedule: Schedule.spaced("500 millis")
  })
  const { detail, state } = yield* ended
  if (state === "failed") return yield* fail(detail ?? "the service could not make the backup")
  const made = (yield* list(`${data}/${Layout.backups}`)).find((backup) => backup.name === name)
  return made ?? (yield* fail(`the service has made the backup ${name}, and it is not in ${data}: is that its folder?`))
})

const statusOf = Effect.fnUntraced(function* (client: Client, name: string) {
  const { backups } = yield* Effect.catch(client.backups.backups(), (error) => fail(error.message))
  const status = backups.find((backup) => backup.name === name)
  return status ?? (yield* fail(`the service does not know the backup ${name} any more: was it restarted?`))
})
