import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expand, lookup } from "../../src/config/Environment.ts"

const env = { NAME: "Ada", EMPTY: "", NESTED: "${NAME}", UNSET: undefined }

describe("Environment", () => {
  it.for([
    ["plain", "plain"],
    ["${NAME}", "Ada"],
    ["${NAME}-${NAME}", "Ada-Ada"],
    ["Dear ${NAME}, ${WHO:-you}!", "Dear Ada, you!"],
    ["${WHO:-}", ""],
    ["${UNSET:-x}", "x"],
    ["${EMPTY}", ""],
    ["${EMPTY:-x}", "x"],
    ["${URL:-https://a.b/c?d=e:-f}", "https://a.b/c?d=e:-f"],
    ["$${NAME}", "${NAME}"],
    ["$$${NAME}", "$${NAME}"],
    ["$NAME costs 5$ {NAME}", "$NAME costs 5$ {NAME}"],
    ["${NESTED}", "${NAME}"]
  ] as const)("reads %s as %s", ([text, expected]) => {
    assert.deepInclude(expand(text, env), { text: expected, missing: [], malformed: false })
  })

  it("names what was asked for and what is missing", () => {
    const { missing, names } = expand("${NAME} ${WHO} ${UNSET} ${X:-y}", env)
    assert.deepStrictEqual(names, ["NAME", "WHO", "UNSET", "X"])
    assert.deepStrictEqual(missing, ["WHO", "UNSET"])
  })

  it.for(["${", "${}", "${1A}", "${A B}", "${A-b}", "${open", "ok ${NAME} ${a.b}"])("calls %s malformed", (text) => {
    assert.isTrue(expand(text, env).malformed)
  })

  it("knows no variable that every object has", () => {
    assert.isUndefined(lookup(env, "constructor"))
    assert.deepStrictEqual(expand("${toString}", env).missing, ["toString"])
  })

  it.prop("gives back any text whose placeholders are escaped", [Schema.String], ([text]) => {
    const escaped = text.replaceAll("${", "$${")
    assert.deepInclude(expand(escaped, {}), { missing: [], malformed: false, names: [] })
    assert.strictEqual(expand(escaped, {}).text, text)
  })
})
