/**
 * Says in plain words what is wrong with a text that is not YAML.
 *
 * The parser's own sentences are not used: they may quote the file, and what they quote may be a secret.
 */
import { type Document, type ErrorCode, isScalar, type LineCounter, visit } from "yaml"
import { ConfigFault } from "./Fault.ts"

const sentences: Partial<Record<ErrorCode, readonly [problem: string, hint?: string]>> = {
  BAD_DQ_ESCAPE: ["unknown escape in double quotes", "use single quotes to keep a \\ as it is"],
  BAD_INDENT: ["wrong indentation, or a bracket that is never closed"],
  BAD_SCALAR_START: ["a plain value cannot begin with this character", "put the value in quotes"],
  BLOCK_AS_IMPLICIT_KEY: ['a second ":" on one line', "put the value in quotes, or the mapping on lines of its own"],
  DUPLICATE_KEY: ["duplicate key", "keep one of them"],
  MISSING_CHAR: ["a quote, bracket or colon is missing"],
  MULTIPLE_DOCS: ["a second document", "keep one document in a file"],
  NON_STRING_KEY: ["a key that is not text"],
  RESOURCE_EXHAUSTION: ["nested too deeply"],
  TAB_AS_INDENT: ["a tab is used as indentation", "use spaces"],
  TAG_RESOLVE_FAILED: ["unknown tag", "remove it"]
}

/** After these the rest of the file can still be trusted; after the others one fault only breeds the next. */
const harmless: ReadonlySet<ErrorCode> = new Set(["DUPLICATE_KEY", "NON_STRING_KEY", "TAG_RESOLVE_FAILED"])

const describe = (text: string, code: ErrorCode, [start, end]: readonly [number, number]) => {
  if (text[start] === "{" && text[start - 1] === "$") {
    return { problem: "a placeholder inside { } or [ ] needs quotes", hint: 'write "${NAME}" with the quotes' }
  }
  const [problem, hint] = sentences[code] ?? ["not valid YAML"]
  const key = code === "DUPLICATE_KEY" ? /^[\w-]+/.exec(text.slice(start, Math.max(end, start + 64)))?.[0] : undefined
  return { problem: key === undefined ? problem : `${problem} "${key}"`, hint }
}

interface Problem {
  readonly code: ErrorCode
  readonly pos: readonly [number, number]
}

/** Every key that its mapping had before. The parser's own search compares each key with each other one. */
const duplicateKeys = (document: Document.Parsed): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key) || !key.range) continue
        const [start, end] = key.range
        if (seen.has(key.value)) found.push({ code: "DUPLICATE_KEY", pos: [start, end] })
        seen.add(key.value)
      }
    }
  })
  return found
}

export interface Syntax {
  readonly faults: ReadonlyArray<ConfigFault>
  /** Whether the document's values can be trusted in spite of the faults. */
  readonly readable: boolean
}

/** The faults of the text as YAML: every harmless one, and the first of the others. */
export const syntaxFaults = (file: string, text: string, document: Document.Parsed, lines: LineCounter): Syntax => {
  const errors: ReadonlyArray<Problem> = [...document.errors, ...document.warnings, ...duplicateKeys(document)].sort(
    (left, right) => left.pos[0] - right.pos[0]
  )
  const fatal = errors.find(({ code }) => !harmless.has(code))
  const told = errors.filter((error) => error === fatal || harmless.has(error.code))
  const faults = told.map(({ code, pos }) => {
    const { col, line } = lines.linePos(pos[0])
    return new ConfigFault({ file, line, column: col, path: "", ...describe(text, code, pos) })
  })
  return { faults, readable: fatal === undefined }
}
