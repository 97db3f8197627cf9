/**
 * Requests that do not fit their schema, told so that a person can mend them: `detail` says what is wrong and where,
 * and `errors` says it for programs.
 *
 * An answer of ours that does not fit is a defect, and the log has it.
 */
import * as Effect from "effect/Effect"
import * as SchemaIssue from "effect/SchemaIssue"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

type Errors = ReadonlyArray<typeof HttpApiError.ProblemIssue.Type>

const errorsOf = ({ cause, kind }: HttpApiError.HttpApiSchemaError): Errors =>
  issuesOf(cause.issue).issues.map(({ message, path = [] }) => ({
    path: [kind.toLowerCase(), ...path.map((segment) => keyOf(typeof segment === "object" ? segment.key : segment))],
    message
  }))

const keyOf = (key: PropertyKey) => (typeof key === "number" ? key : String(key))

/** `messages[0].role: Expected "user"`; a fault of the whole body has no place. */
const detailOf = (errors: Errors): string =>
  errors
    .map(({ message, path }) => [placeOf(path.slice(1)), message].filter((part) => part !== "").join(": "))
    .join("; ")

const placeOf = (path: ReadonlyArray<string | number>) =>
  path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "")

export const layer = HttpApiMiddleware.layerSchemaErrorTransform(HttpApiMiddleware.ProblemDetails, (error) => {
  if (error.kind === "Body" || error.kind === "ResponseHeaders") return Effect.die(error)
  const errors = errorsOf(error)
  return Effect.fail(new HttpApiError.BadRequestProblem({ detail: detailOf(errors), errors }))
})
