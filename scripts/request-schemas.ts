/**
 * `npm run schemas`: JSON Schemas of the requests we send, made from the types of the vendors' own clients.
 *
 * Writes one file per vendor into `test/fixtures/schemas`, to be run again whenever a client's version changes: a test
 * says when. Nothing but what the types name may stand in a request. The generator brings a compiler of its own, as the
 * native one has no interface for programs.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { VERSION as anthropicVersion } from "@anthropic-ai/sdk/version"
import { VERSION as openAiVersion } from "openai/version"
import { createGenerator } from "ts-json-schema-generator"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = `${root}test/fixtures/schemas/`

/** Which types of test/support/RequestTypes.ts belong to which client. */
const files = [
  { name: "anthropic", client: `@anthropic-ai/sdk ${anthropicVersion}`, types: ["CreateMessage", "CountTokens"] },
  { name: "openai", client: `openai ${openAiVersion}`, types: ["CreateCompletion"] }
] as const

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }
type Schema = { readonly [key: string]: Json }

const isSchema = (value: Json | undefined): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How a choice between objects is told apart, by the vendors' custom. */
const tags = ["type", "role"]

const resolved = ({ $ref, ...inline }: Schema, definitions: Schema): Json | undefined =>
  typeof $ref === "string" ? definitions[$ref.replace("#/definitions/", "")] : inline

/** What the tag of a branch may be; nothing where it may be missing, or where the branch is no object. */
const tagsOf = (branch: Schema, tag: string, definitions: Schema): ReadonlyArray<Json> => {
  const target = resolved(branch, definitions)
  if (!isSchema(target) || !isSchema(target["properties"])) return []
  const { properties, required } = target
  const stated = properties[tag]
  if (!Array.isArray(required) || !required.includes(tag) || !isSchema(stated)) return []
  return stated["const"] === undefined ? (Array.isArray(stated["enum"]) ? stated["enum"] : []) : [stated["const"]]
}

/**
 * A choice whose branches say which they are is made by what they say: a fault is then one of the branch that was meant,
 * and the others are not tried. One branch may go without saying: it is taken when no other is named.
 */
const tagged = (branches: ReadonlyArray<Schema>, definitions: Schema): Schema | undefined => {
  for (const tag of tags) {
    const named = branches.filter((branch) => tagsOf(branch, tag, definitions).length > 0)
    const [plain, ...others] = branches.filter((branch) => !named.includes(branch))
    if (named.length < 2 || others.length > 0) continue
    const choice = { type: "object", discriminator: { propertyName: tag }, oneOf: named }
    if (plain === undefined) return choice
    if (!isObject(plain, definitions)) continue
    const names = named.flatMap((branch) => tagsOf(branch, tag, definitions))
    const isNamed = { required: [tag], properties: { [tag]: { enum: names } } }
    return {
      allOf: [
        { if: isNamed, else: plain },
        { if: { not: isNamed }, else: choice }
      ]
    }
  }
  return undefined
}

const isObject = (branch: Schema, definitions: Schema): boolean => {
  const target = resolved(branch, definitions)
  return isSchema(target) && target["type"] === "object"
}

const withTags = (value: Json, definitions: Schema): Json => {
  if (Array.isArray(value)) return value.map((item) => withTags(item, definitions))
  if (!isSchema(value)) return value
  const { anyOf } = value
  const choice = Array.isArray(anyOf) && anyOf.every(isSchema) ? tagged(anyOf, definitions) : undefined
  if (choice !== undefined) return choice
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withTags(inner, definitions)]))
}

const generator = createGenerator({
  path: `${root}test/support/RequestTypes.ts`,
  tsconfig: `${root}tsconfig.json`,
  skipTypeCheck: true,
  additionalProperties: false,
  topRef: true,
  expose: "all",
  jsDoc: "none",
  encodeRefs: false
})

/** One definition a line, in the order of their names, so that a change of version reads as a change of its types. */
const written = (client: string, definitions: Schema): string => {
  const lines = Object.keys(definitions)
    .sort()
    .map((name) => `    ${JSON.stringify(name)}: ${JSON.stringify(withTags(definitions[name] ?? {}, definitions))}`)
  const head = `  "$schema": "http://json-schema.org/draft-07/schema#",\n  "$comment": ${JSON.stringify(client)},\n`
  return `{\n${head}  "definitions": {\n${lines.join(",\n")}\n  }\n}\n`
}

mkdirSync(folder, { recursive: true })
for (const { client, name, types } of files) {
  const schemas = types.map((type): Schema => JSON.parse(JSON.stringify(generator.createSchema(type).definitions)))
  const text = written(client, Object.assign({}, ...schemas))
  writeFileSync(`${folder}${name}.json`, text)
  console.log(`${folder}${name}.json: ${text.length} bytes`)
}
