/**
 * What the demo model answers: a pure function of the conversation.
 *
 * Lines of the last message that begin with a known word are obeyed in their order; anything else is echoed in
 * a friendly way. The same conversation always gets the same reply.
 */
import * as Duration from "effect/Duration"
import type { Prompt } from "effect/ai"
import { ProviderFault } from "../ProviderError.ts"
import { summarise, summaryRequest } from "./Summary.ts"

/** One thing the demo model does. */
export type Step =
  | { readonly _tag: "Think"; readonly text: string }
  | {
      readonly _tag: "Say"
      readonly text: string
      /** Between two words. */
      readonly pause?: Duration.Duration
      /** Before the first word. */
      readonly after?: Duration.Duration
    }
  | { readonly _tag: "Call"; readonly name: string; readonly params: { readonly command: string } }
  | { readonly _tag: "Fail"; readonly reason: ProviderFault }

export type Plan = ReadonlyArray<Step>

/** The most words `count` and `slow` answer with, and seconds `wait` waits. */
const most = 100_000

const help = `I am the FiberClaw demo model. I understand lines that begin with:

- \`run: CMD\`: calls the tool \`exec\` with CMD, then answers from its output; several lines are several calls
- \`say: TEXT\`: answers TEXT
- \`think: TEXT\`: thinks TEXT before answering
- \`count: N\`: counts from 1 to N
- \`slow: N\`: answers N words with a pause of 100 ms between them
- \`wait: SECONDS\`: says nothing for so long, so that there is time to cancel
- \`fail: REASON\`: fails like a provider would, for example \`fail: overloaded\`
- \`remember: TEXT\`, \`goal: TEXT\`, \`decided: TEXT\`, \`todo: TEXT\`, \`done: TEXT\`: worth a note when this session gets long
- \`recall\`: lists what you told me earlier in this session, and what my notes say of it
- \`help\`: shows this list

To see how a long session is compacted, give the agent's file a small window, \`context: { window: 4000, keepTurns: 2 }\`
with \`maxTokens: 1000\`, tell me some things to remember, say \`count: 500\` a few times, then \`recall\`.`

export const script = (prompt: Prompt.Prompt, toolNames: ReadonlyArray<string>): Plan => {
  const request = summaryRequest(prompt)
  if (request !== undefined) return [say(summarise(request))]
  const last = prompt.content.findLast((message) => message.role === "user" || message.role === "tool")
  if (last === undefined) return [say("I am the FiberClaw demo model, and nobody has told me anything yet.")]
  if (last.role === "tool") return [say(answerFrom(trailingResults(prompt)))]
  const text = userText(last)
  switch (text.trim().toLowerCase()) {
    case "help":
      return [say(help)]
    case "recall":
      return [say(recall(prompt, last))]
    default:
      return obey(text, toolNames)
  }
}

const say = (text: string): Step => ({ _tag: "Say", text })

const userText = (message: Prompt.UserMessage): string =>
  message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")

const directive = /^\s*(run|say|think|count|slow|wait|fail|remember|goal|decided|todo|done):[ \t]*(.*)$/i

interface Line {
  readonly word: string
  readonly text: string
}

/** What `say` and `think` are given may go on over further lines. */
const directives = (text: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  for (const line of text.split("\n")) {
    const [, word, rest] = directive.exec(line) ?? []
    const open = lines.at(-1)
    if (word !== undefined && rest !== undefined) lines.push({ word: word.toLowerCase(), text: rest.trimEnd() })
    else if (open?.word === "say" || open?.word === "think") {
      lines[lines.length - 1] = { ...open, text: `${open.text}\n${line}` }
    }
  }
  return lines
}

const obey = (text: string, toolNames: ReadonlyArray<string>): Plan => {
  const steps = directives(text).map((line) => perform(line, toolNames))
  if (steps.length === 0) return [say(echo(text))]
  return steps.every((step) => step._tag === "Think") ? [...steps, say("I have thought about it.")] : steps
}

const echo = (text: string): string =>
  `Hello! I am the FiberClaw demo model, so I only pretend to understand. You said:\n\n${quote(text)}\n\n` +
  "Say `help` to see what I can do."

const perform = ({ text, word }: Line, toolNames: ReadonlyArray<string>): Step => {
  switch (word) {
    case "run":
      return toolNames.includes("exec")
        ? { _tag: "Call", name: "exec", params: { command: text } }
        : say(`I have no \`exec\` tool here, so I cannot run \`${text}\`.`)
    case "think":
      return { _tag: "Think", text }
    case "count":
      return counted(text, (count) => say(numbers(count, (n) => String(n))))
    case "slow":
      return counted(text, (count) => ({
        _tag: "Say",
        text: numbers(count, (n) => `word${n}`),
        pause: Duration.millis(100)
      }))
    case "wait":
      return counted(text, (count) => ({
        _tag: "Say",
        text: `I have waited ${count} ${count === 1 ? "second" : "seconds"}.`,
        after: Duration.seconds(count)
      }))
    case "fail":
      return fail(text.trim())
    case "say":
      return say(text)
    default:
      return say(`Noted (${word}): ${text.trim()}\n`)
  }
}

const numbers = (count: number, name: (n: number) => string): string =>
  Array.from({ length: count }, (_, index) => name(index + 1)).join(" ")

const counted = (text: string, step: (count: number) => Step): Step => {
  const count = /^\d+$/.test(text.trim()) ? Number(text) : 0
  return count >= 1 && count <= most ? step(count) : say(`I need a number from 1 to ${most}.`)
}

const fail = (reason: string): Step => {
  const known = ProviderFault.literals.find((fault) => fault === reason)
  return known === undefined
    ? say(`I cannot fail with \`${reason}\`. I know ${ProviderFault.literals.join(", ")}.`)
    : { _tag: "Fail", reason: known }
}

const recall = (prompt: Prompt.Prompt, now: Prompt.UserMessage): string => {
  const earlier = prompt.content.flatMap((message) =>
    message.role === "user" && message !== now ? [userText(message)] : []
  )
  if (earlier.length === 0) return "This is the first thing you have told me in this session."
  return `You told me earlier:\n\n${earlier.map((text, index) => `${index + 1}. ${text}`).join("\n")}`
}

/** The results since the model last spoke. */
const trailingResults = (prompt: Prompt.Prompt): ReadonlyArray<Prompt.ToolResultPart> => {
  const since = prompt.content.findLastIndex((message) => message.role === "assistant")
  return prompt.content
    .slice(since + 1)
    .flatMap((message) => (message.role === "tool" ? message.content : []))
    .filter((part) => part.type === "tool-result")
}

const answerFrom = (results: ReadonlyArray<Prompt.ToolResultPart>): string =>
  results
    .map((result) => {
      const output = typeof result.result === "string" ? result.result : (JSON.stringify(result.result) ?? "")
      const verb = result.isFailure ? "failed" : "answered"
      return output.trim() === ""
        ? `\`${result.name}\` ${verb} with nothing.`
        : `\`${result.name}\` ${verb}:\n\n${fence(output)}`
    })
    .join("\n\n")

const quote = (text: string): string =>
  text
    .trim()
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n")

/** A fence longer than any in the text itself. */
const fence = (text: string): string => {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map((run) => run.length))
  const marks = "`".repeat(longest + 1)
  return `${marks}\n${text.trimEnd()}\n${marks}`
}
