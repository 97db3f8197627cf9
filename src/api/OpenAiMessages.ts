/**
 * What a chat completion's messages are to a session: the last one, which is the user's, and those before it.
 *
 * A user's message may have pictures (by a data URL, or by an address on the web, which is passed on and never asked for)
 * and files in it; what cannot be taken is refused by its place, never dropped.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type BroughtFile, linkTo, type Misfit, mostLinkLength, typeOf } from "../agents/BroughtFile.ts"
import type { Incoming, IncomingPrior } from "../agents/Directory.ts"
import { bounded, checked, decoded, fileOf, refused, together } from "./MessageFiles.ts"
import type { ChatContent, ChatRequest } from "./OpenAiApi.ts"
import { BadRequest } from "./Problems.ts"

type Content = typeof ChatContent.Type
type Part = Exclude<Content, string>[number]
type FilePart = Exclude<Part, { readonly type: "text" }>

/** What the message says; without what precedes it where the session goes on, as it has that already. */
export const messagesOf = Effect.fnUntraced(function* (messages: ChatRequest["messages"], continued: boolean) {
  yield* bounded(messages.map((message) => ({ ...message, content: withoutFiles(message.content) })))
  const last = messages.at(-1)
  if (last?.role !== "user") return yield* silent
  const preceding: Array<IncomingPrior> = []
  for (const [index, { content, role }] of continued ? [] : messages.slice(0, -1).entries()) {
    const files = yield* filesIn(content, role, `messages[${index}].content`)
    const told = { role: role === "developer" ? ("system" as const) : role, text: textOf(content) }
    preceding.push(files.length === 0 ? told : { ...told, files })
  }
  const files = yield* filesIn(last.content, "user", `messages[${messages.length - 1}].content`)
  yield* together("messages", [...preceding.flatMap((prior) => prior.files ?? []), ...files])
  const text = textOf(last.content)
  if (text === "" && files.length === 0) return yield* silent
  return { text, files, preceding } satisfies Pick<Incoming, "text" | "files" | "preceding">
})

const silent = new BadRequest({ detail: "messages: the last one must be the user's, and say something" })

const textOf = (content: Content): string =>
  typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("")

const withoutFiles = (content: Content) =>
  typeof content === "string" ? content : content.filter((part) => part.type === "text")

const filesIn = Effect.fnUntraced(function* (content: Content, role: string, place: string) {
  const files: Array<BroughtFile> = []
  if (typeof content === "string") return files
  for (const [index, part] of content.entries()) {
    if (part.type === "text") continue
    const at = `${place}[${index}]`
    if (role !== "user")
      return yield* new BadRequest({ detail: `${at}.type: Expected "text", as only users bring files` })
    const [field, taken] = part.type === "file" ? ["file.file_data", fileIn(part)] : ["image_url.url", imageIn(part)]
    if (Result.isFailure(taken)) return yield* refused(`${at}.${field}`, taken.failure)
    files.push(taken.success)
  }
  return files
})

type Taken = Result.Result<BroughtFile, Misfit>

const imageIn = ({ image_url: { url } }: Extract<FilePart, { readonly type: "image_url" }>): Taken => {
  if (/^data:/i.test(url)) return ofDataUrl(url, undefined)
  const link = linkTo(url)
  return link === undefined
    ? Result.fail({
        field: "data",
        detail: `is neither a data URL nor a link to http or https in ${mostLinkLength} characters`
      })
    : Result.succeed(link)
}

/** Its data is a data URL, or just its base64. */
const fileIn = ({ file: { file_data: data, filename: name } }: Extract<FilePart, { readonly type: "file" }>): Taken => {
  if (data === undefined) {
    return Result.fail({ field: "data", detail: "is missing, and no file is known here by its file_id" })
  }
  if (/^data:/i.test(data)) return ofDataUrl(data, name)
  return Result.flatMap(decoded(data), (bytes) => {
    const type = typeOf(bytes)
    return type === undefined
      ? Result.fail({ field: "data" as const, detail: "is of no type that is taken" })
      : checked(name, type, bytes)
  })
}

/** RFC 2397; what is not base64 nobody sends. */
const ofDataUrl = (url: string, name: string | undefined): Taken => {
  const comma = url.indexOf(",")
  const head = url.slice("data:".length, comma)
  if (comma < 0 || !/;base64$/i.test(head)) return Result.fail({ field: "data", detail: "is no data URL in base64" })
  const mediaType = head.slice(0, head.length - ";base64".length)
  return fileOf({ ...(name === undefined ? {} : { name }), mediaType, data: url.slice(comma + 1) })
}
