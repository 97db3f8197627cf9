/** What a summary is made of: messages as lines that anybody can read, none too long and all together not either. */
import type { Prompt } from "effect/ai"
import type { SummaryRequest } from "../domain/Note.ts"
import { cutMiddle } from "../tools/Excerpt.ts"
import { titleOfPart } from "./FileParts.ts"
import type { Said } from "./History.ts"

type Line = SummaryRequest["transcript"][number]

/** The most characters of one line: what tools answer is worth less than what is said. */
const longest = { user: 8_000, assistant: 8_000, tool: 2_000 } as const

/** What a line costs beside its text, as JSON. */
const frame = 50

const shortest = 100

export const transcriptOf = (said: ReadonlyArray<Said>): ReadonlyArray<Line> => said.flatMap(linesOf)

export const sizeOf = (lines: ReadonlyArray<Line>): number =>
  lines.reduce((size, { text }) => size + frame + text.length, 0)

/** The same in at most `size` characters: long lines are cut, and if that is not enough, a line says how many are missing. */
export const fitting = (lines: ReadonlyArray<Line>, size: number): ReadonlyArray<Line> => {
  if (sizeOf(lines) <= size) return lines
  const limit = Math.max(shortest, Math.floor(size / lines.length) - 2 * frame)
  const cut = lines.map((line) => ({ ...line, text: cutMiddle(line.text, limit) }))
  if (sizeOf(cut) <= size) return cut
  const most = Math.floor(size / (limit + 2 * frame))
  const room = Math.max(1, Math.floor((most - 1) / 2))
  const missing = cut.slice(room, -room)
  const gap = missing
    .slice(0, most > 2 ? 1 : 0)
    .map((line) => ({ ...line, text: `[${missing.length} messages left out]` }))
  return [...cut.slice(0, room), ...gap, ...cut.slice(-room)]
}

/** What clients told the model as its instructions. */
export const instructionsIn = (said: ReadonlyArray<Said>): ReadonlyArray<string> => [
  ...new Set(said.flatMap(({ message }) => (message.role === "system" ? [cutMiddle(message.content, 4_000)] : [])))
]

const linesOf = ({ message, source }: Said): ReadonlyArray<Line> => {
  switch (message.role) {
    case "system":
      return []
    case "tool":
      return message.content.flatMap((part) =>
        part.type === "tool-result" ? line(source, "tool", `${part.name}: ${resultOf(part)}`) : []
      )
    case "user":
    case "assistant":
      return line(source, message.role, saidIn(message.content))
  }
}

const line = (event: number, role: Line["role"], text: string): ReadonlyArray<Line> =>
  text.trim() === "" ? [] : [{ event, role, text: cutMiddle(text, longest[role]) }]

const saidIn = (content: string | ReadonlyArray<Prompt.UserMessagePartEncoded | Prompt.AssistantMessagePartEncoded>) =>
  typeof content === "string"
    ? content
    : content
        .map(textOf)
        .filter((text) => text !== "")
        .join("\n")

const textOf = (part: Prompt.UserMessagePartEncoded | Prompt.AssistantMessagePartEncoded): string => {
  if (part.type === "text") return part.text
  if (part.type === "file") return `[brings the file ${titleOfPart(part)}]`
  return part.type === "tool-call" ? `[calls ${part.name} ${JSON.stringify(part.params)}]` : ""
}

const resultOf = ({ isFailure, result }: Prompt.ToolResultPartEncoded): string =>
  `${isFailure ? "failed: " : ""}${typeof result === "string" ? result : JSON.stringify(result)}`
