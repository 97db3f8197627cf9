/** The fault matrix as docs/fault-matrix.md shows it. */
import { type ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"
import { asked, type AskedRow, bodies, breaks, consequences, statuses, vendors } from "./FaultMatrix.ts"
import { named, type NamedRow } from "./FaultNames.ts"

export const begins = "<!-- matrix -->"
export const ends = "<!-- end of matrix -->"

const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [row(header), row(header.map(() => "---")), ...rows.map(row)].join("\n")

const code = (text: string) => `\`${text}\``
const yes = (is: boolean) => (is ? "yes" : "no")

const ofReasons = table(
  ["reason", "same request again", "another key, model, provider", "what the operator should do"],
  Object.entries(consequences).map(([reason, { again, elsewhere }]) => [
    code(reason),
    yes(again),
    yes(elsewhere),
    treatmentOf(reason as ProviderFault).advice
  ])
)

const ofStatuses = table(
  ["status", "Anthropic", "OpenAI-compatible"],
  statuses.map(({ anthropic, openai, status }) => [String(status), code(anthropic), code(openai)])
)

const waitOf = ({ wait }: AskedRow) => (wait === undefined ? "exponential, with jitter" : `${wait} ms`)

const againOf = {
  "by reason": "as the reason says",
  "if elsewhere": "yes, unless the request itself is at fault",
  no: "no"
}

const ofHeaders = table(
  ["headers of the answer", "wait before the next attempt", "same request again"],
  asked.map((given) => [
    Object.entries(given.headers)
      .map(([name, value]) => code(`${name}: ${value}`))
      .join(", ") || "none of these",
    waitOf(given),
    againOf[given.again]
  ])
)

const ofBreaks = table(
  ["what happens", "ends in"],
  Object.entries(breaks).map(([name, reason]) => [name, reason === "whole" ? "the whole reply" : code(reason)])
)

const ofNames = (rows: ReadonlyArray<NamedRow>) =>
  table(
    ["status", "type", "code", "sentence", "reason", "in the middle of a reply"],
    rows.map(({ code: name, during, message, reason, status, type }) => [
      String(status),
      type === undefined ? "" : code(type),
      name === undefined ? "" : code(name),
      message ?? "",
      code(reason),
      during === undefined ? "the same" : code(during)
    ])
  )

const titles = { anthropic: "Anthropic", openai: "OpenAI-compatible servers" }

/** Everything between the two marks. */
export const render = (): string =>
  [
    "## Reasons\n",
    ofReasons,
    "\n## Statuses\n",
    `Whatever the body is:\n\n${bodies.map((form) => `- ${form}`).join("\n")}\n`,
    ofStatuses,
    "\n## What the answer asks for\n",
    ofHeaders,
    "\n## Connections and streams\n",
    ofBreaks,
    ...vendors.flatMap((vendor) => [
      `\n## What ${titles[vendor]} say${vendor === "anthropic" ? "s" : ""}\n`,
      ofNames(named[vendor])
    ])
  ].join("\n")
