/**
 * A file on its way in, and whether it may come in: pure.
 *
 * What is declared has to be what the bytes are, as a vendor refuses the whole request otherwise, with this turn and with
 * every later one. Nothing beyond the first bytes is looked at: whether an image can be drawn is for the model to find out.
 */
import { isUtf8 } from "node:buffer"
import { type LinkedFile, MediaType } from "../domain/Attachment.ts"

/** A file with its bytes. */
export interface FileInHand {
  readonly name?: string
  readonly mediaType: MediaType
  readonly data: Uint8Array
}

export type BroughtFile = FileInHand | LinkedFile

/** Which part of what was said of a file is wrong, and how, in words that follow its name. */
export interface Misfit {
  readonly field: "mediaType" | "data"
  readonly detail: string
}

const mebibyte = 1024 * 1024

/** The largest file, in bytes: Anthropic's API takes images of up to 5 MB (its guide to vision). */
export const mostFileBytes = 5 * mebibyte

/** The most bytes that the files of one message have together. */
export const mostMessageBytes = 8 * mebibyte

/** The most files one message brings. */
export const mostFiles = 10

/** The longest link, in characters: what anybody who follows links has to take at least (RFC 9110, section 4.1). */
export const mostLinkLength = 8_000

const allowed = MediaType.literals.join(", ")

/** A media type without its parameters (RFC 9110, section 8.3.1), if files of that type are taken. */
export const mediaTypeOf = (text: string): MediaType | undefined => {
  const essence = text.split(";", 1)[0]?.trim().toLowerCase()
  return MediaType.literals.find((type) => type === essence)
}

/** What to say of a type that is not taken. */
export const typeRefused = (text: string): Misfit => ({
  field: "mediaType",
  detail: `${JSON.stringify(text.slice(0, 100))} is not taken: expected one of ${allowed}`
})

/** What is wrong with a file, if anything is. */
export const misfitOf = ({ data, mediaType }: FileInHand): Misfit | undefined => {
  if (data.length === 0) return { field: "data", detail: "the file is empty" }
  if (data.length > mostFileBytes) {
    return { field: "data", detail: `the file has ${data.length} bytes, and at most ${mostFileBytes} are taken` }
  }
  if (is(data, mediaType)) return undefined
  const actual = typeOf(data)
  const found = actual === undefined ? "nothing this service knows" : actual
  return { field: "mediaType", detail: `"${mediaType}" is not what the bytes are, which look like ${found}` }
}

/** What is wrong with the files of a message together, if anything is. */
export const misfitOfAll = (files: ReadonlyArray<BroughtFile>): string | undefined => {
  if (files.length > mostFiles) return `${files.length} files are brought, and a message brings at most ${mostFiles}`
  const bytes = files.reduce((sum, file) => sum + ("data" in file ? file.data.length : 0), 0)
  return bytes > mostMessageBytes
    ? `the files have ${bytes} bytes together, and those of a message have at most ${mostMessageBytes}`
    : undefined
}

/** What the bytes are of, as far as it shows; text where they can be nothing else. */
export const typeOf = (data: Uint8Array): MediaType | undefined =>
  MediaType.literals.find((mediaType) => is(data, mediaType))

/** A link to an image, taken for what its address ends in; whoever fetches it looks at what it gets. */
export const linkTo = (url: string): LinkedFile | undefined => {
  if (!URL.canParse(url)) return undefined
  const { href, pathname, protocol } = new URL(url)
  if ((protocol !== "http:" && protocol !== "https:") || href.length > mostLinkLength) return undefined
  const ending = /\.([a-z]+)$/i.exec(pathname)?.[1]?.toLowerCase()
  return { mediaType: mediaTypeOf(`image/${ending === "jpg" ? "jpeg" : ending}`) ?? "image/jpeg", url: href }
}

const is = (data: Uint8Array, mediaType: MediaType): boolean => {
  switch (mediaType) {
    // ISO/IEC 10918-1, annex B: start of image, and the first byte of any marker.
    case "image/jpeg":
      return begins(data, [0xff, 0xd8, 0xff])
    // W3C PNG, section 5.2.
    case "image/png":
      return begins(data, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    case "image/gif":
      return /^GIF8[79]a$/.test(letters(data, 0, 6))
    // RFC 9649, section 2.4.
    case "image/webp":
      return letters(data, 0, 4) === "RIFF" && letters(data, 8, 12) === "WEBP"
    // Something may stand before the header (ISO 32000-1, annex H, note 13): readers look at the first 1024 bytes.
    case "application/pdf":
      return letters(data, 0, 1024).includes("%PDF-")
    case "text/plain":
      return isText(data)
  }
}

const begins = (data: Uint8Array, magic: ReadonlyArray<number>): boolean =>
  magic.every((byte, index) => data[index] === byte)

const letters = (data: Uint8Array, from: number, to: number): string => String.fromCharCode(...data.subarray(from, to))

/** Most files have a NUL somewhere, and no text has. */
const isText = (data: Uint8Array): boolean => !data.includes(0) && isUtf8(data)
