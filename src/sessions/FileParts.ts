/**
 * How a file that a message brought stands among what the model is sent: in a history as a reference, and with its bytes
 * only in the request that is made of it.
 *
 * The same history makes the same request, byte for byte, so that what a vendor has cached of it stays good.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Prompt from "effect/ai/Prompt"
import { type Attachment, bytesIn, MediaType, Sha256, titleOf, tokensOf } from "../domain/Attachment.ts"

/** What a reference has in place of a file's bytes. */
const scheme = "sha256:"

/** The part of a history that stands for a file. */
export const partOf = (file: Attachment): Prompt.FilePartEncoded =>
  "url" in file
    ? { type: "file", mediaType: file.mediaType, data: { _tag: "URL", href: file.url } }
    : {
        type: "file",
        mediaType: file.mediaType,
        data: `${scheme}${file.sha256}`,
        ...(file.name === undefined ? {} : { fileName: file.name }),
        options: { fiberclaw: { bytes: file.bytes } }
      }

/** How many characters of a text are as many tokens as the file. */
export const sizeOf = ({ mediaType, options }: Pick<Prompt.FilePartEncoded, "mediaType" | "options">): number =>
  Math.ceil(tokensOf({ mediaType, bytes: bytesIn(options) ?? 0 }) * charactersPerToken)

const charactersPerToken = 3.5

const decodeKept = Schema.decodeUnknownOption(Schema.Struct({ mediaType: MediaType, sha256: Sha256 }))

/** A file as a line of a transcript, or in a text that stands for it. */
export const titleOfPart = ({
  data,
  fileName,
  mediaType
}: Pick<Prompt.FilePartEncoded, "data" | "fileName" | "mediaType">) => {
  const sha256 = typeof data === "string" && data.startsWith(scheme) ? data.slice(scheme.length) : ""
  return Option.match(decodeKept({ mediaType, sha256 }), {
    onNone: () => (typeof data === "object" && "href" in data ? data.href : (fileName ?? mediaType)),
    onSome: (kept) => titleOf({ ...kept, bytes: 0, ...(fileName === undefined ? {} : { name: fileName }) })
  })
}

/**
 * What of a history's files one request takes, the newest first: Anthropic's API takes bodies of 32 MB, which in base64
 * is some 24 MB of files, and 100 images.
 */
const most = { files: 100, bytes: 20 * 1024 * 1024 }

/** Where a file is, in the place of a reference. */
interface Reference {
  readonly part: Prompt.FilePart
  readonly sha256: Sha256
  readonly bytes: number
}

const isSha256 = Schema.is(Sha256)

const referenceIn = (part: Prompt.UserMessagePart): Reference | undefined => {
  if (part.type !== "file" || typeof part.data !== "string" || !part.data.startsWith(scheme)) return undefined
  const sha256 = part.data.slice(scheme.length)
  return isSha256(sha256) ? { part, sha256, bytes: bytesIn(part.options) ?? 0 } : undefined
}

/**
 * The prompt with the bytes of its files in place of their references, as `load` finds them. A text file becomes text, as
 * not every vendor takes it as a file; one that is gone, or for which there is no room, is told as that.
 */
export const filled = Effect.fnUntraced(function* <E, R>(
  prompt: Prompt.Prompt,
  load: (sha256: Sha256) => Effect.Effect<Option.Option<Uint8Array>, E, R>
) {
  const taken = takenOf(prompt)
  if (taken.size === 0) return prompt
  const messages: Array<Prompt.Message> = []
  for (const message of prompt.content) {
    if (message.role !== "user" || !message.content.some((part) => taken.has(part))) messages.push(message)
    else {
      const content = yield* Effect.forEach(message.content, (part) => {
        const reference = taken.get(part)
        if (reference === undefined) return Effect.succeed(part)
        if (reference === "crowded") return Effect.succeed(text(part, "was left out, as newer files fill the request"))
        // A log that was brought in may say less of its files than there is.
        const isNoLarger = (data: Uint8Array) => data.length <= reference.bytes
        return Effect.map(load(reference.sha256), (data) => shown(reference.part, Option.filter(data, isNoLarger)))
      })
      messages.push(Prompt.makeMessage("user", { content, options: message.options }))
    }
  }
  return Prompt.fromMessages(messages)
})

/** Every part that is a reference, and whether there is room for what it refers to. */
const takenOf = ({ content }: Prompt.Prompt): ReadonlyMap<Prompt.Part, Reference | "crowded"> => {
  const taken = new Map<Prompt.Part, Reference | "crowded">()
  let bytes = 0
  for (const message of content.toReversed()) {
    if (message.role !== "user") continue
    for (const part of message.content.toReversed()) {
      const reference = referenceIn(part)
      if (reference === undefined) continue
      bytes += reference.bytes
      taken.set(part, bytes <= most.bytes && taken.size < most.files ? reference : "crowded")
    }
  }
  return taken
}

const shown = (part: Prompt.FilePart, found: Option.Option<Uint8Array>): Prompt.UserMessagePart => {
  const { fileName, mediaType } = part
  if (Option.isNone(found)) return text(part, "is no longer there")
  const data = Buffer.from(found.value.buffer, found.value.byteOffset, found.value.byteLength)
  return mediaType === "text/plain"
    ? Prompt.makePart("text", { text: `[the file ${titleOfPart(part)}:]\n\n${data.toString("utf8")}` })
    : Prompt.makePart("file", {
        mediaType,
        data: data.toString("base64"),
        ...(fileName === undefined ? {} : { fileName })
      })
}

const text = (part: Prompt.UserMessagePart, fate: string): Prompt.TextPart =>
  Prompt.makePart("text", { text: `[the file ${part.type === "file" ? titleOfPart(part) : ""} ${fate}]` })
