/**
 * Whether a request is one the vendor's own client could have been asked to send: its body held against a JSON Schema made
 * from the client's types (`npm run schemas`), in which nothing may stand that the types do not name.
 *
 * The schemas are compiled when the first request is there, once per process. Rules the types cannot say are in
 * `MessagesRules.ts` and `OpenAiServer.ts`.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv"

/** The vendors, as their schemas are called. */
export type Vendor = "anthropic" | "openai"

/** The names of `RequestTypes.ts`. */
type RequestType = "CreateMessage" | "CountTokens" | "CreateCompletion"

interface Document {
  /** Name and version of the client the schema was made from. */
  readonly $comment: string
  readonly definitions: Readonly<Record<string, object>>
}

/** A vendor's schema as it is in the repository. */
export const schemaOf = (vendor: Vendor): Document =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../fixtures/schemas/${vendor}.json`, import.meta.url)), "utf8"))

// The schemas are ours and a test compiles them, so that they need not be held against the schema of schemas each time.
const options = { discriminator: true, strictTypes: false, validateSchema: false, meta: false } as const
const compiled = new Map<RequestType, ValidateFunction>()

const validatorOf = (vendor: Vendor, type: RequestType): ValidateFunction => {
  const known = compiled.get(type)
  if (known !== undefined) return known
  const made = new Ajv({ ...options, code: { optimize: false } }).compile({
    $ref: `#/definitions/${type}`,
    definitions: schemaOf(vendor).definitions
  })
  compiled.set(type, made)
  return made
}

/** What in a body the client's types do not allow, innermost places only; empty when it is as they say. */
export const schemaFaults = (vendor: Vendor, type: RequestType, body: unknown): ReadonlyArray<string> => {
  const validate = validatorOf(vendor, type)
  if (validate(body)) return []
  const faults = validate.errors ?? []
  const deepest = Math.max(...faults.map(depthOf))
  return [...new Set(faults.filter((fault) => depthOf(fault) === deepest && isCause(fault)).map(sentence))]
}

const depthOf = ({ instancePath }: ErrorObject): number => instancePath.split("/").length

/** Those that only say that a choice failed stand beside those that say why. */
const isCause = ({ keyword }: ErrorObject): boolean => !["anyOf", "if"].includes(keyword)

const sentence = ({ instancePath, message = "is wrong", params }: ErrorObject): string => {
  const place = instancePath === "" ? "the body" : instancePath.slice(1).replaceAll("/", ".")
  const about = params["additionalProperty"] ?? params["allowedValues"] ?? params["allowedValue"] ?? params["tagValue"]
  return `${place}: ${message}${about === undefined ? "" : `: ${String(about)}`}`
}
