/**
 * The state of a service as lines of text. Pure.
 *
 * What needs attention stands at the top and is never folded away; of many quiet children of one node only the first
 * are drawn.
 */
import type { ProviderView } from "../api/ProviderView.ts"
import type { NodeSnapshot, NodeState, TreeNode } from "../kernel/Tree.ts"

/** What `fiberclaw status` has found out. */
export interface Status {
  readonly version: string
  readonly uptimeSeconds: number
  readonly ready: boolean
  /** Why it is not ready, one sentence each. */
  readonly reasons: ReadonlyArray<string>
  readonly tenants: ReadonlyArray<{
    readonly id: string
    readonly state: string
    readonly use?: { readonly agents: number; readonly sessions: number; readonly activeSessions: number }
    readonly providers?: ReadonlyArray<ProviderView>
  }>
  readonly tree: NodeSnapshot
}

export interface Drawing {
  /** The service's time, in milliseconds since the epoch, for ages. */
  readonly now: number
  readonly paint: Paint
  /** Lines are cut to this many characters, unless it is 0, as where a terminal does not know. */
  readonly width?: number
}

export type Shade = "plain" | "faint" | "good" | "waiting" | "bad"

/** Colours a text that has no colours yet. */
export type Paint = (shade: Shade, text: string) => string

export const colourless: Paint = (_, text) => text

/** SGR codes of ECMA-48. */
const codes: Record<Shade, string> = { plain: "0", faint: "2", good: "32", waiting: "33", bad: "31" }

export const coloured: Paint = (shade, text) =>
  shade === "plain" || text === "" ? text : `\u001b[${codes[shade]}m${text}\u001b[0m`

const shades: Record<NodeState, Shade> = {
  starting: "waiting",
  running: "good",
  "backing off": "bad",
  paused: "waiting",
  stopping: "waiting",
  stopped: "bad",
  parked: "bad"
}

/** States in which a node stays unless somebody helps it, the worst first. */
const worst: ReadonlyArray<NodeState> = ["parked", "backing off", "stopped", "paused"]

/** More quiet children of one node than these are folded. */
const mostQuiet = 20

/** More nodes than these are not listed at the top; they are in the tree. */
const mostListed = 20

/** Health, what needs attention, tenants, and the tree. */
export const draw = (status: Status, drawing: Drawing): ReadonlyArray<string> => {
  const attention = worst.flatMap((state) => all(status.tree).filter((node) => node.state === state))
  const listed = attention.slice(0, mostListed).map((node): Row => ({ lines: "", label: node.path, node }))
  const unlisted = attention.length - listed.length
  if (unlisted > 0) listed.push({ lines: "", label: `… and ${unlisted} more` })
  return [
    ...head(status, drawing),
    ...(attention.length === 0 ? [] : ["", drawing.paint("bad", "needs attention"), ...table(listed, drawing)]),
    "",
    ...tenantLines(status, drawing),
    ...providerLines(status, drawing),
    "",
    ...table(rowsOf(status.tree, status.tree.path, "", ""), drawing)
  ].map((line) => line.trimEnd())
}

const head = ({ ready, reasons, uptimeSeconds, version }: Status, { paint, width }: Drawing): ReadonlyArray<string> => {
  const health = ready ? paint("good", "ready") : paint("bad", "not ready")
  return [
    `fiberclaw ${version}: ${health}, up ${ageText(uptimeSeconds * 1000)}`,
    ...reasons.map((reason) => paint("bad", cut(`  ${printable(reason)}`, width)))
  ]
}

const tenantLines = ({ tenants }: Status, { paint, width }: Drawing): ReadonlyArray<string> => {
  const rows = tenants.map(({ id, state, use }) => [
    id,
    state,
    ...(use === undefined ? ["-", "-", "-"] : [use.agents, use.sessions, use.activeSessions].map(String))
  ])
  const [heading = "", ...lines] = columns([["tenant", "state", "agents", "sessions", "active"], ...rows]).map((line) =>
    cut(line, width)
  )
  return [paint("faint", heading), ...lines]
}

/** What keeps answers from coming though all is up; nothing if all goes well. */
const providerLines = ({ tenants }: Status, { now, paint, width }: Drawing): ReadonlyArray<string> => {
  const lines = tenants.flatMap(({ id, providers = [] }) =>
    providers.flatMap((provider) => troubles(provider, now).map((trouble) => `${id}/${provider.name}: ${trouble}`))
  )
  return lines.length === 0 ? [] : ["", ...lines.map((line) => paint("waiting", cut(printable(line), width)))]
}

const troubles = ({ health, paused, waiting }: ProviderView, now: number): ReadonlyArray<string> => {
  const limited = paused.map(
    ({ key, until }) => `${key} is at its limit for another ${ageText(Date.parse(until) - now)}`
  )
  const apart = health.flatMap(({ key, model, reason, state, until }) => {
    const then = until === undefined ? "tried with the next call" : `left alone for ${ageText(Date.parse(until) - now)}`
    return state === "closed" ? [] : [`${model} failed with ${key} (${reason ?? "unknown"}), ${then}`]
  })
  const [longest] = waiting
  if (longest === undefined) return [...limited, ...apart]
  const calls = waiting.length === 1 ? "1 call waits" : `${waiting.length} calls wait`
  const [waited, left] = [now - Date.parse(longest.since), Date.parse(longest.until) - now]
  return [
    ...limited,
    ...apart,
    `${calls} for room (${longest.reason}), the longest for ${ageText(waited)}, at most ${ageText(left)} more`
  ]
}

interface Row {
  /** The lines that lead to it. */
  readonly lines: string
  readonly label: string
  /** None for what is folded. */
  readonly node?: TreeNode
}

/** The node and what is below it, a row each. */
const rowsOf = (node: NodeSnapshot, label: string, lines: string, indent: string): ReadonlyArray<Row> => {
  const { folded, shown } = fold(node)
  const last = shown.length - 1
  const below = shown.flatMap((child, index) => {
    const isLast = index === last && folded === undefined
    return rowsOf(child, nameOf(child), `${indent}${isLast ? "└─ " : "├─ "}`, `${indent}${isLast ? "   " : "│  "}`)
  })
  const rest: ReadonlyArray<Row> = folded === undefined ? [] : [{ lines: `${indent}└─ `, label: folded }]
  return [{ lines, label, node }, ...below, ...rest]
}

/** The children to draw, in their order, and what is said of the others. */
const fold = ({ children, omitted = 0 }: NodeSnapshot) => {
  const quiet = new Set(children.filter(isQuiet).slice(mostQuiet))
  const parts = [
    ...(quiet.size === 0 ? [] : [`${quiet.size} more running`]),
    ...(omitted === 0 ? [] : [`${omitted} more not listed`])
  ]
  return {
    shown: quiet.size === 0 ? children : children.filter((child) => !quiet.has(child)),
    folded: parts.length === 0 ? undefined : `… and ${parts.join(", ")}`
  }
}

const isQuiet = (node: NodeSnapshot): boolean => all(node).every(({ state }) => state === "running")

const all = (node: NodeSnapshot): ReadonlyArray<NodeSnapshot> => [node, ...node.children.flatMap(all)]

const nameOf = ({ path }: TreeNode): string =>
  path
    .slice(path.lastIndexOf("/") + 1)
    .replaceAll("%2F", "/")
    .replaceAll("%25", "%")

const headings = ["", "state", "age", "restarts", "mailbox", "last exit"]

const table = (rows: ReadonlyArray<Row>, { now, paint, width }: Drawing): ReadonlyArray<string> => {
  const cells = rows.map(({ label, lines, node }) => [
    printable(`${lines}${label}${node?.strategy === undefined ? "" : ` (${node.strategy})`}`),
    ...(node === undefined ? [] : columnsOf(node, now))
  ])
  const [heading = "", ...lines] = columns([headings, ...cells]).map((line) => cut(line, width))
  return [
    paint("faint", heading),
    ...lines.map((line, index) => {
      const { node } = rows[index] ?? {}
      return node === undefined ? paint("faint", line) : shadeState(line, node, heading.indexOf("state"), paint)
    })
  ]
}

/** Colours come last, so that they never count as characters. */
const shadeState = (line: string, { state }: TreeNode, start: number, paint: Paint): string => {
  const end = start + state.length
  return `${line.slice(0, start)}${paint(shades[state], line.slice(start, end))}${line.slice(end)}`
}

const columnsOf = ({ lastExit, mailbox, restarts, since, state }: TreeNode, now: number): ReadonlyArray<string> => [
  state,
  ageText(now - Date.parse(since)),
  restarts === 0 ? "" : String(restarts),
  mailbox === undefined || mailbox === 0 ? "" : String(mailbox),
  lastExit === undefined || (lastExit.reason === "stopped" && state !== "running")
    ? ""
    : `${printable(lastExit.reason)} (${ageText(now - Date.parse(lastExit.at))} ago)`
]

/** Rows of cells as lines, each column as wide as its widest cell; a column without contents is left out. */
const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const count = Math.max(...rows.map((row) => row.length))
  const used = Array.from({ length: count }, (_, index) => index).filter(
    (index) => index === 0 || rows.slice(1).some((row) => (row[index] ?? "") !== "")
  )
  const widths = new Map(used.map((index) => [index, Math.max(...rows.map((row) => (row[index] ?? "").length))]))
  return rows.map((row) => used.map((index) => (row[index] ?? "").padEnd(widths.get(index) ?? 0)).join("  "))
}

const cut = (line: string, width = 0): string => {
  const text = line.trimEnd()
  return width === 0 || text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

/** What others named or said must not move the cursor or turn the direction of the text. */
const printable = (text: string): string => text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "·")

/** A length of time in its two largest units: `12s`, `3m 20s`, `5h 2m`, `41d 7h`. */
export const ageText = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  const units = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"]
  ] as const
  const first = units.findIndex(([count]) => count > 0)
  if (first === -1) return "0s"
  return units
    .slice(first, first + 2)
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ")
}

/** A change as one line: when, where, what. */
export const changeLine = (node: TreeNode): string => {
  const { lastExit, path, restarts, since, state } = node
  const facts = [
    ...(restarts === 0 ? [] : [`restarts ${restarts}`]),
    ...(lastExit === undefined ? [] : [`last exit ${printable(lastExit.reason)}`])
  ]
  return [since, printable(path), state, ...(facts.length === 0 ? [] : [`(${facts.join(", ")})`])].join(" ")
}
