/**
 * Reads the text of a YAML file into values with positions.
 *
 * YAML 1.2's core types and nothing else: no custom tags, one document, keys are text. Placeholders in values are
 * filled in from the environment here, so that whatever is said about a value later can point at its line.
 * Aliases are followed a limited number of times, so that a small file cannot become a large value.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument
} from "yaml"
import { type Environment, expand } from "./Environment.ts"
import { ConfigFault, type Path, type Position, renderPath } from "./Fault.ts"
import { type Mark, markKey, type Source } from "./Source.ts"
import { syntaxFaults } from "./YamlSyntax.ts"

/** How often a file may use aliases, those inside what an alias stands for included. */
export const maxAliases = 100

/** How many values a file may come to, those that aliases repeat included. */
const maxValues = 100_000

export interface Parsed {
  /** Absent when the text is not YAML. */
  readonly source: Source | undefined
  readonly faults: ReadonlyArray<ConfigFault>
}

/** Reads one file's text. `file` is only named in faults. An empty file is an empty mapping. */
export const parse = (file: string, text: string, env: Environment): Parsed => {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    resolveKnownTags: false,
    schema: "core",
    stringKeys: true,
    // `syntaxFaults` looks for them, in one pass.
    uniqueKeys: false
  })
  const syntax = syntaxFaults(file, text, document, lines)
  if (!syntax.readable) return { source: undefined, faults: syntax.faults }
  const faults = [...syntax.faults]
  const reading: Reading = { file, document, lines, env, marks: new Map(), faults, aliases: 0, values: 0 }
  const value = read(reading, document.contents, [], { line: 1, column: 1 }) ?? {}
  return { source: { file, value, marks: reading.marks }, faults }
}

/** One pass over a document: what it reads from, what it finds, and how much it has found. */
interface Reading {
  readonly file: string
  readonly document: Document.Parsed
  readonly lines: LineCounter
  readonly env: Environment
  readonly marks: Map<string, Mark>
  readonly faults: Array<ConfigFault>
  aliases: number
  values: number
}

/** A value, and what there is to remember about it besides its place. */
interface Found {
  readonly value: unknown
  readonly mark?: Omit<Mark, "key" | "value">
}

const faulty: Found = { value: undefined, mark: { faulty: true } }

const read = (reading: Reading, node: unknown, path: Path, around: Position, key?: Position): unknown => {
  const place = placeOf(reading, node) ?? around
  const { mark, value } = readNode(reading, node, path, place)
  reading.marks.set(markKey(path), { ...(key === undefined ? {} : { key }), value: place, ...mark })
  return value
}

const placeOf = (reading: Reading, node: unknown): Position | undefined => {
  if (!isNode(node) || !node.range) return undefined
  const { col, line } = reading.lines.linePos(node.range[0])
  return { line, column: col }
}

const readNode = (reading: Reading, node: unknown, path: Path, place: Position): Found => {
  reading.values += 1
  if (reading.values > maxValues) {
    return refuse(reading, path, place, reading.values === maxValues + 1, `more than ${maxValues} values`)
  }
  if (isAlias(node)) return readAlias(reading, node, path, place)
  if (isMap(node)) return { value: readPairs(reading, node.items, path, place) }
  if (isSeq(node)) return { value: node.items.map((item, index) => read(reading, item, [...path, index], place)) }
  if (!isScalar(node)) return { value: null }
  return typeof node.value === "string" ? readText(reading, node.value, path, place) : { value: node.value }
}

const readPairs = (reading: Reading, items: ReadonlyArray<Pair>, path: Path, place: Position) =>
  Object.fromEntries(
    items.map(({ key, value }): [string, unknown] => {
      const name = isScalar(key) ? String(key.value) : ""
      const keyPlace = placeOf(reading, key) ?? place
      return [name, read(reading, value, [...path, name], keyPlace, keyPlace)]
    })
  )

const readText = (reading: Reading, written: string, path: Path, place: Position): Found => {
  const { malformed, missing, names, text } = expand(written, reading.env)
  if (malformed) {
    const hint = "write ${NAME} or ${NAME:-default}, and $${ for a literal ${"
    return complain(reading, path, place, "a ${ begins no placeholder", hint)
  }
  if (missing.length > 0) {
    const hint = "set it, or give a default as in ${NAME:-default}"
    return complain(reading, path, place, `environment variable ${missing.join(", ")} is not set`, hint)
  }
  return names.length === 0 ? { value: text } : { value: text, mark: { names, written } }
}

const readAlias = (reading: Reading, alias: Alias, path: Path, place: Position): Found => {
  reading.aliases += 1
  if (reading.aliases > maxAliases) {
    return refuse(reading, path, place, reading.aliases === maxAliases + 1, `more than ${maxAliases} aliases`)
  }
  const target = alias.resolve(reading.document)
  return target === undefined
    ? complain(reading, path, place, `alias *${alias.source} has no anchor`, `write &${alias.source} before it`)
    : { value: read(reading, target, path, place) }
}

const complain = (reading: Reading, path: Path, place: Position, problem: string, hint: string): Found => {
  reading.faults.push(new ConfigFault({ file: reading.file, ...place, path: renderPath(path), problem, hint }))
  return faulty
}

/** One complaint is enough: what is too much comes in thousands. */
const refuse = (reading: Reading, path: Path, place: Position, first: boolean, problem: string): Found =>
  first ? complain(reading, path, place, problem, "write less") : faulty
