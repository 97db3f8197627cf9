/**
 * Files as the Messages API takes them: images and documents, by their bytes or by their address; pure.
 *
 * What it does not take is named in its place, so that the model can say so.
 */
import type { DocumentBlockParam, ImageBlockParam, TextBlockParam } from "@anthropic-ai/sdk/resources/messages"
import * as Result from "effect/Result"
import type { Prompt } from "effect/ai"
import * as Base64 from "effect/encoding/Base64"

export type FileBlock = ImageBlockParam | DocumentBlockParam | TextBlockParam

/** The types of `Base64ImageSource` (resources/messages/messages.d.ts of the client). */
const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const

export const toBlock = (part: Prompt.FilePart): FileBlock => {
  const type = part.mediaType.split(";")[0]?.trim().toLowerCase() ?? ""
  const imageType = imageTypes.find((known) => known === type)
  if (imageType !== undefined) return image(part, imageType)
  const source = sourceOf(part, type)
  if (source === undefined) return omitted(part)
  return { type: "document", source, ...(part.fileName === undefined ? undefined : { title: part.fileName }) }
}

const image = ({ data }: Prompt.FilePart, mediaType: (typeof imageTypes)[number]): ImageBlockParam =>
  data instanceof URL
    ? { type: "image", source: { type: "url", url: data.href } }
    : { type: "image", source: { type: "base64", media_type: mediaType, data: base64(data) } }

/** A PDF goes as it is; every kind of text as plain text, whose words the API wants and no address. */
const sourceOf = ({ data }: Prompt.FilePart, type: string): DocumentBlockParam["source"] | undefined => {
  if (type === "application/pdf") {
    return data instanceof URL
      ? { type: "url", url: data.href }
      : { type: "base64", media_type: "application/pdf", data: base64(data) }
  }
  const words = type.startsWith("text/") && !(data instanceof URL) ? text(data) : undefined
  return words === undefined || words.trim() === ""
    ? undefined
    : { type: "text", media_type: "text/plain", data: words }
}

const base64 = (data: string | Uint8Array): string => (typeof data === "string" ? data : Base64.encode(data))

const text = (data: string | Uint8Array): string | undefined => {
  const bytes = typeof data === "string" ? Result.getOrUndefined(Base64.decode(data)) : data
  return bytes && new TextDecoder().decode(bytes)
}

const omitted = ({ fileName, mediaType }: Prompt.FilePart): TextBlockParam => ({
  type: "text",
  text: `[the file ${fileName ?? ""} of type ${mediaType} cannot be shown to this model]`
})
