/**
 * The architecture, enforced: read the tables first, they are the documentation.
 *
 * Every rule is a pure function from the sources to its violations, so the second half of this file shows each one
 * failing on a made-up tree before it is trusted with the real one. Comments never count as code.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

/** From top to bottom. A file imports from its own room and from rooms on lower floors; rooms on one floor never meet. */
const floors: ReadonlyArray<ReadonlyArray<string>> = [
  ["main"], //                                starts the command line
  ["cli"], //                                 commands
  ["app"], //                                 wires everything, holds no logic
  ["dashboard"], //                           a page over the API
  ["adapter", "api", "cluster"], //           adapter: providers/anthropic, tools/exec, sessions/sql, …
  ["door"], //                                the way into a tenant, which names everything a tenant has
  ["agents"], //                              the heart
  ["upkeep"], //                              examines, backs up and restores what the service keeps
  ["contract"], //                            the root files of the folders below
  ["telemetry", "threads"],
  ["domain"]
]

/** Their root files are contracts, which may use each other; each folder inside is an adapter with a room of its own. */
const contracts = ["approvals", "channels", "config", "providers", "sessions", "tenants", "tools"]

/** The one file of `tenants` that stands above the agents; the others are contracts below them. */
const doors: ReadonlyArray<string> = ["tenants/Tenants.ts"]

/** How things live and die stands beside the floors: it imports nothing but Effect's core, and these may build on it. */
const kernelUsers = [
  "main",
  "cli",
  "app",
  "dashboard",
  "adapter",
  "api",
  "cluster",
  "agents",
  "tenants",
  "approvals",
  "telemetry",
  "threads",
  "upkeep"
]

/** The only rooms that reach deeper than another folder's root. */
const reachesDeep = ["main", "cli", "app"]

/** Who may import what from outside. `providers/*` means every folder inside providers; what is not listed is refused. */
const packages: Readonly<Record<string, ReadonlyArray<string>>> = {
  effect: ["*"],
  // One folder per SDK.
  "@anthropic-ai/sdk": ["providers/anthropic"],
  openai: ["providers/openai"],
  "discord.js": ["channels/discord"],
  yaml: ["config"],
  "@effect/platform-node": ["main", "cli", "app"],
  "@effect/opentelemetry": ["telemetry"],
  "@opentelemetry/*": ["telemetry"],
  "node:sqlite": ["sessions/sql"],
  "node:child_process": ["tools/exec"],
  // One place per Effect family outside the core.
  "effect/process": ["tools/exec"],
  "effect/schema": ["sessions/sql"],
  "effect/sql": ["sessions/sql", "tenants", "app"],
  "effect/reactivity": ["sessions/sql", "app"],
  "effect/cli": ["cli"],
  "effect/http-api": ["api", "cli"],
  "effect/http": ["api", "dashboard", "cli", "app", "providers/*", "tools/web"],
  "effect/socket": ["channels/*", "app"],
  "effect/encoding": ["api", "cli", "providers", "providers/*", "sessions/sql", "channels/*"],
  "effect/ai": ["domain", "providers", "providers/*", "tools", "tools/*", "sessions", "sessions/*", "agents", "api"],
  "effect/observability": ["telemetry", "api", "app"],
  "effect/persistence": ["providers", "tenants", "app"],
  "effect/cluster": ["cluster"],
  "node:worker_threads": ["threads", "telemetry"],
  // The rest of Node.js is for all but the kernel and the domain.
  "node:*": [
    "main",
    "cli",
    "app",
    "dashboard",
    "adapter",
    "api",
    "cluster",
    "agents",
    "contract",
    "upkeep",
    "telemetry",
    "threads"
  ]
}

/** Words that may not stand in the code of src/, and the rooms that are excused: the kernel is what owns fibers. */
const forbidden: ReadonlyArray<Forbidden> = [
  { word: /\bEffect\.(forkDetach|run[A-Z]\w*)/, why: "a fiber without an owner", except: ["main", "cli", "kernel"] },
  {
    word: /\bEffect\.fork(?!Detach)[A-Z]\w*/,
    why: "a fiber that dies in silence: use Incarnation.fork",
    except: ["cli", "kernel"]
  },
  { word: /\brunMain\b/, why: "a second entry point", except: ["main", "cli"] },
  { word: /\bconsole\./, why: "output past the logger", except: ["cli"] },
  { word: /\bDate\.now\(|\bnew Date\(\)/, why: "time past the Clock", except: [] },
  { word: /\bMath\.random\(/, why: "chance past Random", except: [] },
  { word: /\bas any\b/, why: "a type silenced", except: [] },
  { word: /^(export )?let\b/m, why: "state without an owner", except: [] }
]

/** They live in comments, so the raw text is searched. */
const silencers = /@ts-(ignore|nocheck|expect-error)/

/** Names that say nothing about what is inside. */
const emptyNames = /^(index|utils?|helpers?|common|misc)$|(Manager|Impl|Live)$/

const maxLines = 400
const maxLinesOfNineInTen = 250

/** Debt that is tolerated, spelled exactly as it is reported. It may only shrink: what is paid must leave the list. */
const tolerated: ReadonlyArray<string> = []

// ---------------------------------------------------------------------------------------------------------------------

/** Path below src/ → source text. */
type Sources = ReadonlyMap<string, string>

interface Forbidden {
  readonly word: RegExp
  readonly why: string
  readonly except: ReadonlyArray<string>
}

interface Import {
  readonly from: string
  readonly to: string
  readonly specifier: string
}

const readSources = (root: string): Sources =>
  new Map(
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .sort()
      .map((path) => [path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8")])
  )

const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g

/** The text without comments and, where asked, with empty string literals; templates stay, as they contain code. */
const code = (source: string, strings: "keep" | "empty"): string =>
  source.replace(token, (found) => {
    if (found.startsWith("/")) return " "
    return strings === "empty" && !found.startsWith("`") ? '""' : found
  })

const statement =
  /^\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm

const importsOf = (path: string, source: string): ReadonlyArray<Import> =>
  [...code(source, "keep").matchAll(statement)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? ""
    const to = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)).replaceAll("\\", "/") : specifier
    return { from: path, to, specifier }
  })

const allImports = (sources: Sources): ReadonlyArray<Import> =>
  [...sources].flatMap(([path, source]) => importsOf(path, source))

const internal = ({ specifier, to }: Import): boolean => specifier.startsWith(".") && !to.startsWith("../")

/** The folder of a file: `main`, `app`, `providers`, `providers/anthropic`. Only contract folders are split further. */
const roomOf = (path: string): string => {
  if (doors.includes(path)) return "door"
  const [first = "", second = "", third] = path.split("/")
  if (second === "") return first.replace(/\.ts$/, "")
  return third !== undefined && contracts.includes(first) ? `${first}/${second}` : first
}

const isAdapter = (room: string): boolean => room.includes("/")

/** The word the tables use for a room where they speak of its kind. */
const kindOf = (room: string): string => (isAdapter(room) ? "adapter" : contracts.includes(room) ? "contract" : room)

const floorOf = (room: string): number => floors.findIndex((floor) => floor.includes(kindOf(room)))

const among = (room: string, names: ReadonlyArray<string>): boolean =>
  names.some(
    (name) =>
      name === "*" ||
      name === room ||
      name === kindOf(room) ||
      (name.endsWith("/*") && room.startsWith(name.slice(0, -1)))
  )

const mayImport = (from: string, to: string): boolean => {
  if (from === to) return true
  if (from === "kernel") return false
  if (to === "kernel") return among(from, kernelUsers)
  if (kindOf(from) === "contract" && kindOf(to) === "contract") return true
  return floorOf(from) !== -1 && floorOf(from) < floorOf(to)
}

const direction = (sources: Sources): ReadonlyArray<string> =>
  allImports(sources)
    .filter((edge) => internal(edge) && !mayImport(roomOf(edge.from), roomOf(edge.to)))
    .map(({ from, to }) => `${from} imports ${to}: ${roomOf(from)} may not import ${roomOf(to)}`)

const depth = (sources: Sources): ReadonlyArray<string> =>
  allImports(sources)
    .filter((edge) => internal(edge) && edge.to.split("/").length > 2)
    .filter(({ from, to }) => !among(roomOf(from), reachesDeep) && roomOf(from) !== roomOf(to))
    .map(({ from, to }) => `${from} imports ${to}: only ${reachesDeep.join(", ")} reach deeper than a folder's root`)

/** The row of `packages` that rules a specifier: the longest name or pattern it falls under. */
const ruleFor = (specifier: string): string | undefined => {
  const core = specifier.replace(/^effect\/[A-Z].*$/, "effect")
  const name = core.startsWith("@") || core.startsWith("effect/") ? core.split("/").slice(0, 2).join("/") : core
  return [name, name.replace(/([:/]).*$/, "$1*")].find((row) => Object.hasOwn(packages, row))
}

const outside = (sources: Sources): ReadonlyArray<string> =>
  allImports(sources)
    .filter(({ specifier }) => !specifier.startsWith("."))
    .filter(({ from, specifier }) => {
      const row = ruleFor(specifier)
      if (row === undefined) return true
      const room = roomOf(from)
      return room === "kernel" ? row !== "effect" : !among(room, packages[row] ?? [])
    })
    .map(({ from, specifier }) => `${from} imports ${specifier}: the table of packages does not allow it there`)

/** Every group of files that reach each other, types included, as one violation each. */
const cycles = (sources: Sources): ReadonlyArray<string> => {
  const next = Map.groupBy(allImports(sources).filter(internal), ({ from }) => from)
  const reach = (start: string): ReadonlySet<string> => {
    const seen = new Set<string>()
    const open = [start]
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const { to } of next.get(path) ?? []) {
        if (!seen.has(to)) open.push(to)
        seen.add(to)
      }
    }
    return seen
  }
  const reachable = new Map([...sources.keys()].map((path) => [path, reach(path)]))
  const groups = [...reachable]
    .filter(([path, seen]) => seen.has(path))
    .map(([path, seen]) => [...seen].filter((other) => reachable.get(other)?.has(path)).sort())
  return [...new Set(groups.map((group) => `${group.join(" ↔ ")}: an import cycle`))]
}

const lines = (source: string): number => source.replace(/\n$/, "").split("\n").length

const sizes = (sources: Sources): ReadonlyArray<string> => {
  const counts = [...sources.values()].map(lines).sort((a, b) => a - b)
  const quantile = (q: number) => counts[Math.ceil(counts.length * q) - 1] ?? 0
  const tall = [...sources]
    .filter(([, source]) => lines(source) > maxLines)
    .map(([path, source]) => `${path}: ${lines(source)} lines, more than ${maxLines}`)
  if (quantile(0.9) <= maxLinesOfNineInTen) return tall
  return [
    ...tall,
    `src: one file in ten has ${quantile(0.9)} lines or more, above ${maxLinesOfNineInTen} (median ${quantile(0.5)})`
  ]
}

const words = (sources: Sources): ReadonlyArray<string> =>
  [...sources].flatMap(([path, source]) => {
    const found = forbidden
      .filter(({ except }) => !among(roomOf(path), except))
      .flatMap(({ why, word }) =>
        [word.exec(code(source, "empty"))?.[0]].flatMap((hit) => (hit ? [`${hit}: ${why}`] : []))
      )
    const silenced = silencers.exec(source)?.[0]
    return [...found, ...(silenced ? [`${silenced}: a type silenced`] : [])].map((hit) => `${path} says ${hit}`)
  })

const names = (sources: Sources): ReadonlyArray<string> =>
  [...sources.keys()]
    .filter((path) => path.split("/").some((part) => emptyNames.test(part.replace(/\.ts$/, ""))))
    .map((path) => `${path}: a name that does not say what is inside`)

const rules = { direction, depth, outside, cycles, sizes, words, names }

const violations = (sources: Sources): ReadonlyArray<string> => Object.values(rules).flatMap((rule) => rule(sources))

/** What is wrong and not tolerated, and what is tolerated and no longer wrong. */
const judge = (sources: Sources, debt: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found = violations(sources)
  const paid = debt.filter((entry) => !found.includes(entry)).map((entry) => `paid, so take it off the list: ${entry}`)
  return [...found.filter((entry) => !debt.includes(entry)), ...paid]
}

// ---------------------------------------------------------------------------------------------------------------------

describe("Architecture", () => {
  const sources = readSources(fileURLToPath(new URL("../src", import.meta.url)))
  const wrong = judge(sources, tolerated)

  it.each(Object.entries(rules))("holds in src: %s", (_, rule) => {
    const found = rule(sources)
    assert.deepStrictEqual(
      wrong.filter((entry) => found.includes(entry)),
      []
    )
  })

  it("tolerates only debt that still exists", () => {
    assert.deepStrictEqual(
      wrong.filter((entry) => tolerated.some((debt) => entry.endsWith(debt))),
      []
    )
  })
})

/** The imports as a tree of files, each importing the given specifiers. */
const tree = (files: Readonly<Record<string, ReadonlyArray<string>>>): Sources =>
  new Map(Object.entries(files).map(([path, from]) => [path, from.map((to) => `import { x } from "${to}"\n`).join("")]))

describe("The architecture's rules", () => {
  const accepted: ReadonlyArray<readonly [string, string]> = [
    ["main.ts", "./cli/Root.ts"],
    ["app/App.ts", "../providers/anthropic/Anthropic.ts"],
    ["app/App.ts", "../kernel/Supervisor.ts"],
    ["cli/Serve.ts", "../app/App.ts"],
    ["dashboard/Dashboard.ts", "../api/Api.ts"],
    ["providers/anthropic/Anthropic.ts", "./AnthropicCodec.ts"],
    ["providers/anthropic/Anthropic.ts", "../Provider.ts"],
    ["agents/Agent.ts", "../kernel/Mailbox.ts"],
    ["agents/Agent.ts", "../tools/Tool.ts"],
    ["approvals/Approvals.ts", "../kernel/Mailbox.ts"],
    ["api/Access.ts", "../tenants/Tenants.ts"],
    ["tenants/Tenants.ts", "../agents/Directory.ts"],
    ["sessions/SessionLog.ts", "../telemetry/Signals.ts"],
    ["telemetry/Signals.ts", "../domain/Ids.ts"],
    ["domain/Ids.ts", "effect/Schema"],
    ["sessions/sql/SqliteClient.ts", "node:sqlite"],
    ["providers/anthropic/Anthropic.ts", "@anthropic-ai/sdk/resources/messages"],
    ["providers/openai/OpenAi.ts", "openai"],
    ["config/Source.ts", "node:fs"]
  ]
  it.each(accepted)("let %s import %s", (from, to) => {
    assert.deepStrictEqual(violations(tree({ [from]: [to] })), [])
  })

  const refused: ReadonlyArray<readonly [keyof typeof rules, string, string]> = [
    ["direction", "domain/Ids.ts", "../telemetry/Signals.ts"],
    ["direction", "tools/Tool.ts", "../agents/Agent.ts"],
    ["direction", "agents/Agent.ts", "../app/App.ts"],
    ["direction", "agents/Agent.ts", "../tenants/Tenants.ts"],
    ["direction", "tenants/Tenant.ts", "../agents/Agents.ts"],
    ["direction", "agents/Agent.ts", "../providers/anthropic/Anthropic.ts"],
    ["direction", "tools/exec/Exec.ts", "../files/Files.ts"],
    ["direction", "providers/Provider.ts", "./anthropic/Anthropic.ts"],
    ["direction", "api/Api.ts", "../cluster/ClusterDirectory.ts"],
    ["direction", "kernel/Supervisor.ts", "../domain/Ids.ts"],
    ["direction", "sessions/SessionStore.ts", "../kernel/Mailbox.ts"],
    ["direction", "elsewhere/New.ts", "../domain/Ids.ts"],
    ["depth", "agents/Agent.ts", "../sessions/sql/SqliteClient.ts"],
    ["depth", "dashboard/Dashboard.ts", "../api/openai/Chat.ts"],
    ["outside", "agents/Agent.ts", "@anthropic-ai/sdk"],
    ["outside", "providers/anthropic/Anthropic.ts", "openai"],
    ["outside", "channels/Channel.ts", "discord.js"],
    ["outside", "agents/Agent.ts", "@effect/platform-node/NodeServices"],
    ["outside", "agents/Agent.ts", "effect/sql"],
    ["outside", "tools/files/Files.ts", "effect/process"],
    ["outside", "kernel/Supervisor.ts", "effect/ai"],
    ["outside", "kernel/Supervisor.ts", "node:crypto"],
    ["outside", "app/App.ts", "left-pad"]
  ]
  it.each(refused)("refuse by %s that %s imports %s", (rule, from, to) => {
    assert.lengthOf(rules[rule](tree({ [from]: [to] })), 1)
  })

  it("see every form of import, and none in comments", () => {
    const source = [
      'import type { A } from "./A.ts"',
      "import {\n  type B,\n  C\n} from './B.ts'",
      'export * from "./C.ts"',
      'import "./D.ts"',
      'const e = import("./E.ts")',
      '// import "./No.ts"',
      '/** import { x } from "./No.ts" */'
    ].join("\n")
    const seen = importsOf("app/App.ts", source).map(({ to }) => to)
    assert.deepStrictEqual(
      seen,
      ["A", "B", "C", "D", "E"].map((name) => `app/${name}.ts`)
    )
  })

  it("refuse cycles, once each, however long", () => {
    const ring = tree({ "app/A.ts": ["./B.ts"], "app/B.ts": ["./C.ts"], "app/C.ts": ["./A.ts", "./D.ts"] })
    assert.deepStrictEqual(cycles(ring), ["app/A.ts ↔ app/B.ts ↔ app/C.ts: an import cycle"])
    assert.lengthOf(cycles(tree({ "app/A.ts": ["./A.ts"] })), 1)
  })

  it("refuse a file of more than 400 lines, and too many long ones", () => {
    const of = (count: number) => "x\n".repeat(count)
    assert.deepStrictEqual(sizes(new Map([["a.ts", of(250)]])), [])
    assert.match(sizes(new Map([["a.ts", of(401)]])).join(), /a\.ts: 401 lines/)
    const two = Object.entries({ "a.ts": of(251), "b.ts": of(9) })
    assert.match(sizes(new Map(two)).join(), /has 251 lines or more, .*\(median 9\)/)
  })

  const unwelcome: ReadonlyArray<readonly [string, string]> = [
    ["agents/Agent.ts", "Effect.forkDetach(loop)"],
    ["agents/Agent.ts", "Effect.forkScoped(loop)"],
    ["channels/discord/Discord.ts", "Effect.runFork(loop)"],
    ["app/App.ts", "Effect.runPromise(loop)"],
    ["app/App.ts", "NodeRuntime.runMain(loop)"],
    ["app/App.ts", 'console.log("hello")'],
    ["domain/Ids.ts", "const now = Date.now()"],
    ["domain/Ids.ts", "const now = new Date()"],
    ["domain/Ids.ts", "const id = Math.random()"],
    ["domain/Ids.ts", "const id = 1 as any"],
    ["domain/Ids.ts", "// @ts-expect-error: it works"],
    ["domain/Ids.ts", "export let last = 0"]
  ]
  it.each(unwelcome)("refuse that %s says %s", (path, source) => {
    assert.lengthOf(words(new Map([[path, source]])), 1)
  })

  it("let words stand in comments, strings and excused rooms", () => {
    const source = ["/** Never Math.random(). */", 'const hint = "console.log(1)"', "  let inside = 0"].join("\n")
    assert.deepStrictEqual(words(new Map([["domain/Ids.ts", source]])), [])
    assert.deepStrictEqual(words(new Map([["cli/Chat.ts", 'console.log("hello")']])), [])
    assert.deepStrictEqual(words(new Map([["main.ts", "NodeRuntime.runMain(program)"]])), [])
  })

  const empty = ["tools/index.ts", "utils/Text.ts", "agents/AgentManager.ts", "app/StoreLive.ts"]
  it.each(empty)("refuse the name %s", (path) => {
    assert.lengthOf(names(new Map([[path, ""]])), 1)
  })

  it("let debt only shrink", () => {
    const broken = new Map([["tools/index.ts", ""]])
    const debt = names(broken)
    assert.lengthOf(judge(broken, []), 1)
    assert.deepStrictEqual(judge(broken, debt), [])
    assert.match(judge(new Map(), debt).join(), /^paid, so take it off the list/)
  })
})
