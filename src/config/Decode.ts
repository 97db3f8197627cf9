/**
 * Decodes a file's values by a schema and says everything that is wrong, each at its own line and column.
 *
 * An unknown key is reported where the key stands, a wrong value where the value stands, a missing key where the
 * mapping around it begins.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { SchemaIssue } from "effect"
import type { ConfigFault, Path } from "./Fault.ts"
import { renderPath, show } from "./Fault.ts"
import { faultAt, isFaulty, type Source, unexpected, valueAt } from "./Source.ts"
import { didYouMean } from "./Suggestion.ts"

/** The decoded file, or every fault in it. What was already reported about the source is not repeated. */
export const decode = <T, E>(
  schema: Schema.Codec<T, E>,
  source: Source
): Result.Result<T, ReadonlyArray<ConfigFault>> =>
  Result.mapError(
    Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })(source.value),
    ({ issue }) => faultsOf(issue, [], source)
  )

const faultsOf = (issue: SchemaIssue.Issue, path: Path, source: Source): ReadonlyArray<ConfigFault> => {
  if (isFaulty(source, path)) return []
  switch (issue._tag) {
    case "Pointer":
      return faultsOf(issue.issue, [...path, ...issue.path], source)
    case "Composite":
      return issue.issues.flatMap((inner) => faultsOf(inner, path, source))
    case "Encoding":
      return faultsOf(issue.issue, path, source)
    case "Filter":
      return [unexpected(source, path, String(issue.filter.annotations?.expected ?? "another value"))]
    case "AnyOf":
      if (issue.ast.annotations?.["expected"] !== undefined && !isMapping(valueAt(source, path)))
        return [wrongValue(issue.ast.annotations, path, source)]
      return issue.issues.length > 0
        ? issue.issues.flatMap((inner) => faultsOf(inner, path, source))
        : noMember(issue, path, source)
    case "MissingKey":
      return [faultAt(source, path, { problem: `missing key \`${renderPath(path)}\`` })]
    case "UnexpectedKey":
      return [unknownKey(issue, path, source)]
    case "InvalidType":
      return [wrongType(issue.ast, path, source)]
    case "InvalidValue":
      return [wrongValue(issue.annotations, path, source)]
    case "Forbidden":
    case "OneOf":
      return [unexpected(source, path, "another value")]
  }
}

const unknownKey = (issue: SchemaIssue.UnexpectedKey, path: Path, source: Source): ConfigFault => {
  const key = String(path.at(-1))
  if (!SchemaAST.isObjects(issue.ast)) return faultAt(source, path, { of: "key", problem: `unknown key \`${key}\`` })
  const pattern = issue.ast.indexSignatures[0]?.parameter.checks?.[0].annotations?.expected
  if (typeof pattern === "string") {
    const problem = `"${key}" is not a name: expected ${pattern}`
    return faultAt(source, path, { of: "key", problem, expected: pattern })
  }
  const known = issue.ast.propertySignatures.map(({ name }) => String(name))
  const expected = `one of ${known.join(", ")}`
  return faultAt(source, path, {
    of: "key",
    problem: `unknown key \`${key}\``,
    expected,
    hint: didYouMean(key, known) ?? `expected ${expected}`
  })
}

const isMapping = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The values that tell a union's members apart by their `kind`. */
const kindsOf = (ast: SchemaAST.Union): ReadonlyArray<string> =>
  ast.types.flatMap((member) => {
    const fields = SchemaAST.isObjects(member) ? member.propertySignatures : []
    const kind = fields.find(({ name }) => name === "kind")?.type
    return kind !== undefined && SchemaAST.isLiteral(kind) ? [String(kind.literal)] : []
  })

const noMember = (issue: SchemaIssue.AnyOf, path: Path, source: Source): ReadonlyArray<ConfigFault> => {
  const value = valueAt(source, path)
  if (!isMapping(value)) return [wrongType(issue.ast, path, source)]
  const kinds = kindsOf(issue.ast)
  const expected = `one of ${kinds.join(", ")}`
  const at = [...path, "kind"]
  if (!Object.hasOwn(value, "kind")) {
    return [
      faultAt(source, at, { problem: `missing key \`${renderPath(at)}\``, expected, hint: `expected ${expected}` })
    ]
  }
  if (isFaulty(source, at)) return []
  return [unexpected(source, at, expected, didYouMean(valueAt(source, at), kinds))]
}

/** Where a structure is expected, text is not quoted: it may be a secret in the wrong place. */
const wrongType = (ast: SchemaAST.AST, path: Path, source: Source): ConfigFault => {
  const expected = SchemaAST.isArrays(ast) ? "a list" : "a mapping"
  const value = valueAt(source, path)
  const got = typeof value === "object" ? show(value) : "a single value"
  const subject = path.length === 0 ? "" : `${renderPath(path)}: `
  return faultAt(source, path, { problem: `${subject}expected ${expected}, got ${got}`, expected, value: got })
}

const wrongValue = (
  { choices, expected = "another value", secret }: NonNullable<SchemaIssue.InvalidValue["annotations"]> = {},
  path: Path,
  source: Source
): ConfigFault => {
  const value = valueAt(source, path)
  const unquoted = expected.startsWith("text") && (typeof value === "number" || typeof value === "boolean")
  const hint = unquoted ? "put it in quotes" : Array.isArray(choices) ? didYouMean(value, choices) : undefined
  if (secret !== true) return unexpected(source, path, expected, hint)
  const problem = `${renderPath(path)}: expected ${expected}`
  return faultAt(source, path, { problem, expected, value: "<redacted>", hint })
}
