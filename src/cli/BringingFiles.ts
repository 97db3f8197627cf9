/** Files of the person's own machine, to be sent along with what is said. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { basename } from "node:path"
import { typeOf } from "../agents/BroughtFile.ts"
import { MediaType } from "../domain/Attachment.ts"
import { fail } from "./Output.ts"

/** A file as the API takes it. */
export type EncodedFile = Effect.Success<ReturnType<typeof encoded>>

/** Reads every file and knows its type by what is in it; whether it is too large is for the service to say. */
export const encodedFiles = (paths: ReadonlyArray<string>) => Effect.forEach(paths, encoded)

const encoded = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const data = yield* Effect.catch(fs.readFile(path), (error) => fail(`${path} cannot be read: ${error.message}`))
  const mediaType = typeOf(data)
  if (mediaType === undefined) {
    return yield* fail(`${path} is none of what models are shown: ${MediaType.literals.join(", ")}`)
  }
  return { name: basename(path), mediaType, data: Buffer.from(data).toString("base64") }
})
