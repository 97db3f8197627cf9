/**
 * Files that messages bring. An event tells of a file and does not hold it: the bytes are kept beside the log under their
 * SHA-256 (`sessions/SessionStore.ts`), so that logs, whoever follows them and sessions in memory stay small. A file on
 * the web is told by its address, which the model's vendor fetches and this service never does.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** What may be brought: what models are shown as it is, and text. */
export const MediaType = Schema.Literals([
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
  "application/pdf",
  "text/plain"
])
export type MediaType = typeof MediaType.Type

/** The SHA-256 of a file's bytes, in lower-case hexadecimal digits. */
export const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/)).pipe(Schema.brand("Sha256"))
export type Sha256 = typeof Sha256.Type

/** A file whose bytes are kept. */
export const KeptFile = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  mediaType: MediaType,
  bytes: Schema.Int,
  sha256: Sha256
})
export type KeptFile = typeof KeptFile.Type

/** An image on the web, by its http or https address. Its type is what the address looks like. */
export const LinkedFile = Schema.Struct({ mediaType: MediaType, url: Schema.String })
export type LinkedFile = typeof LinkedFile.Type

export const Attachment = Schema.Union([KeptFile, LinkedFile])
export type Attachment = typeof Attachment.Type

/** Bytes under their hash. */
export interface FileBytes {
  readonly sha256: Sha256
  readonly data: Uint8Array
}

/** How a file is called where people and models read of it. */
export const titleOf = (file: Attachment): string =>
  "url" in file ? file.url : `${file.name ?? file.sha256.slice(0, 8)} (${file.mediaType})`

const decodeBytes = Schema.decodeUnknownOption(Schema.Struct({ fiberclaw: Schema.Struct({ bytes: Schema.Finite }) }))

/** How many bytes a file has that a part of a prompt only refers to, as the options of that part say; none if they do not. */
export const bytesIn = (options: unknown): number | undefined =>
  Option.match(decodeBytes(options), {
    onNone: () => undefined,
    onSome: ({ fiberclaw: { bytes } }) => Math.max(0, bytes)
  })

/** English text has four to five characters to a token, code and JSON about three. */
const bytesPerToken = 3.5

/**
 * About how many tokens a model takes a file for. An image of the largest useful size, 1568 pixels on its longer side, is
 * some 1,600 (Anthropic's guide to vision); larger ones are scaled down to it. 2,000 for every 100 KB of a PDF is a guess:
 * a page is 1,500 to 3,000 (Anthropic's guide to PDF support), and how many bytes it takes differs a lot.
 */
export const tokensOf = ({ bytes, mediaType }: { readonly mediaType: string; readonly bytes: number }): number => {
  if (mediaType.startsWith("image/")) return 1_600
  return mediaType === "application/pdf" ? Math.max(2_000, Math.ceil(bytes / 50)) : Math.ceil(bytes / bytesPerToken)
}
