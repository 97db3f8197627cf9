/** The bytes that messages bring, in memory: the part of `MemorySessionStore.ts` that keeps them, by the same rules. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FileBytes, KeptFile, Sha256 } from "../domain/Attachment.ts"
import type { SessionId } from "../domain/Ids.ts"
import { keptBy, type SessionEvent } from "../domain/SessionEvent.ts"

type Logs = ReadonlyMap<SessionId, ReadonlyArray<SessionEvent>>

/** `tidy` lets go of what no log names and nobody is about to name. */
export const make = (logs: Logs) => {
  const files = new Map<Sha256, Uint8Array>()
  const awaited = new Set<ReadonlyArray<FileBytes>>()

  const tidy = () => {
    const named = [...Array.from(logs.values()).flatMap(namedIn), ...Array.from(awaited).flat()]
    const kept = new Set(named.map(({ sha256 }) => sha256))
    for (const sha256 of files.keys()) if (!kept.has(sha256)) files.delete(sha256)
  }

  return {
    tidy,
    keep: (brought: ReadonlyArray<FileBytes>) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          awaited.add(brought)
          for (const { data, sha256 } of brought) files.set(sha256, data)
        }),
        () =>
          Effect.sync(() => {
            awaited.delete(brought)
            tidy()
          })
      ),
    file: (session: SessionId, sha256: Sha256) =>
      Effect.sync(() => {
        const file = namedIn(logs.get(session) ?? []).find((named) => named.sha256 === sha256)
        const data = files.get(sha256)
        if (file === undefined || data === undefined) return Option.none()
        const { mediaType, name } = file
        return Option.some({ mediaType, data, ...(name === undefined ? {} : { name }) })
      })
  }
}

const namedIn = (log: ReadonlyArray<SessionEvent>): ReadonlyArray<KeptFile> =>
  log.flatMap((event) => (event.type === "MessageAccepted" ? keptBy(event) : []))
