/** The files of a message that arrives, as its event tells of them, and the bytes that are to be kept beside it. */
import { createHash } from "node:crypto"
import { type Attachment, type FileBytes, Sha256 } from "../domain/Attachment.ts"
import type { MessageAccepted } from "../domain/SessionEvent.ts"
import type { BroughtFile } from "./BroughtFile.ts"
import type { Addressed, Incoming } from "./Directory.ts"

/** What a `MessageAccepted` says of a message beside where it belongs. */
export type Content = Pick<typeof MessageAccepted.Type, "text" | "files" | "preceding">

export interface Brought {
  readonly content: Content
  readonly bytes: ReadonlyArray<FileBytes>
}

/** Hashes every file: 8 MiB, the most one message brings, take some 20 ms. */
export const brought = ({ files, preceding = [], text }: Omit<Incoming, keyof Addressed>): Brought => {
  const bytes: Array<FileBytes> = []
  const attach = (brought: ReadonlyArray<BroughtFile> = []) => {
    const attached = brought.map((file): Attachment => {
      if ("url" in file) return file
      const { data, mediaType, name } = file
      const sha256 = hashOf(data)
      bytes.push({ sha256, data })
      return { ...(name === undefined ? {} : { name }), mediaType, bytes: data.length, sha256 }
    })
    return attached.length === 0 ? {} : { files: attached }
  }
  const prior = preceding.map(({ files, role, text }) => ({ role, text, ...attach(files) }))
  return { content: { text, ...attach(files), ...(prior.length === 0 ? {} : { preceding: prior }) }, bytes }
}

export const hashOf = (data: Uint8Array): Sha256 => Sha256.make(createHash("sha256").update(data).digest("hex"))
