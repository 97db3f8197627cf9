/** Carries a session out of a running service into a file, and back. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { PlatformError } from "effect"
import type { AgentId, SessionId } from "../domain/Ids.ts"
import { connect } from "./Client.ts"
import { fail, print, say } from "./Output.ts"
import type { Given } from "./SessionsListing.ts"
import { factLines } from "./SessionTables.ts"

export interface ExportGiven extends Given {
  readonly session: SessionId
  readonly output: Option.Option<string>
  readonly force: boolean
}

export const carryOut = Effect.fnUntraced(function* (given: ExportGiven) {
  const client = yield* connect(given)
  const params = { tenant: given.tenant, session: given.session }
  const file = yield* client.sessions.export({ params }).pipe(Effect.catch((error) => fail(error.message)))
  const bytes = Stream.mapError(file, () => "the connection broke off, so that the session is not whole")
  yield* Option.match(given.output, {
    onNone: () => Effect.catch(toStdout(bytes), fail),
    onSome: (path) => toFile(bytes, path, given.force)
  })
})

const toStdout = (bytes: Stream.Stream<Uint8Array, string>) =>
  Stream.runForEach(bytes, (chunk) =>
    Effect.callback<void>((resume) => void process.stdout.write(chunk, () => resume(Effect.void)))
  )

/** A file that is there is left alone unless the person insists; half a session is not left behind. */
const toFile = Effect.fnUntraced(function* (bytes: Stream.Stream<Uint8Array, string>, path: string, force: boolean) {
  const fs = yield* FileSystem.FileSystem
  const partial = `${path}.partial`
  if (!force && (yield* Effect.orElseSucceed(fs.exists(path), () => false))) {
    return yield* fail(`${path} is there already: name another file, or give --force`)
  }
  yield* Stream.run(bytes, fs.sink(partial, { mode: 0o600 })).pipe(
    Effect.andThen(fs.rename(partial, path)),
    Effect.onError(() => Effect.ignore(fs.remove(partial))),
    Effect.catch((error) => fail(typeof error === "string" ? error : unwritable(path, error)))
  )
  yield* say(`written to ${path}`)
})

const unwritable = (path: string, error: PlatformError.PlatformError) => `${path} cannot be written: ${error.message}`

export interface ImportGiven extends Given {
  readonly session: SessionId
  readonly file: string
  readonly agent: Option.Option<AgentId>
}

/** The file cannot be read any further. */
class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export const bringIn = Effect.fnUntraced(function* (given: ImportGiven) {
  const fs = yield* FileSystem.FileSystem
  const client = yield* connect(given)
  const unreadable = (error: { readonly message: string }) =>
    new FileUnreadable({ reason: `${given.file} cannot be read: ${error.message}` })
  if (given.file !== "-")
    yield* Effect.catch(fs.access(given.file, { readable: true }), (error) => fail(unreadable(error).message))
  const payload = given.file === "-" ? stdin : Stream.mapError(fs.stream(given.file), unreadable)
  const query = Option.isNone(given.agent) ? {} : { agent: given.agent.value }
  const session = yield* client.sessions
    .import({ params: { tenant: given.tenant, session: given.session }, query, payload })
    .pipe(Effect.catch((error) => fail(error.message)))
  yield* print(given.json ? JSON.stringify(session) : factLines(session).join("\n"))
})

const stdin = NodeStream.fromReadable<Uint8Array, FileUnreadable>({
  evaluate: () => process.stdin,
  onError: (cause) => new FileUnreadable({ reason: `stdin cannot be read: ${String(cause)}` }),
  closeOnDone: false
})
