import { assert, describe, it } from "@effect/vitest"
import { render } from "../../src/config/Fault.ts"
import { placeOf, valueAt } from "../../src/config/Source.ts"
import { maxAliases, parse } from "../../src/config/Yaml.ts"

const faultsOf = (text: string) => parse("f.yaml", text, {}).faults.map(render)

describe("Yaml", () => {
  it.for([
    ["a: 1\nb: 2\na: 3", ['f.yaml:3:1: duplicate key "a"; keep one of them']],
    [
      "a: { b: 1, c: 2, b: 3, b: 4 }\na: 5",
      [
        'f.yaml:1:18: duplicate key "b"; keep one of them',
        'f.yaml:1:24: duplicate key "b"; keep one of them',
        'f.yaml:2:1: duplicate key "a"; keep one of them'
      ]
    ],
    ["a:\n\tb: 1", ["f.yaml:2:1: a tab is used as indentation; use spaces"]],
    ["a: 1\n---\nb: 2", ["f.yaml:2:1: a second document; keep one document in a file"]],
    ["a: !secret x\nb: !!binary aGk=", ["f.yaml:1:4: unknown tag; remove it", "f.yaml:2:4: unknown tag; remove it"]],
    ["a: {k: ${X}}", ['f.yaml:1:9: a placeholder inside { } or [ ] needs quotes; write "${NAME}" with the quotes']],
    ["a: 'open", ["f.yaml:1:9: a quote, bracket or colon is missing"]],
    ["a: b: c", ['f.yaml:1:4: a second ":" on one line; put the value in quotes, or the mapping on lines of its own']],
    ["a: @home", ["f.yaml:1:4: a plain value cannot begin with this character; put the value in quotes"]],
    ['a: "\\q"', ["f.yaml:1:5: unknown escape in double quotes; use single quotes to keep a \\ as it is"]],
    ["a: [1, 2", ["f.yaml:1:9: wrong indentation, or a bracket that is never closed"]],
    ["  a: 1\n b: 2", ["f.yaml:2:2: not valid YAML"]],
    ["? [x]\n: 1", ["f.yaml:1:3: a key that is not text"]],
    ["a: *b", ["f.yaml:1:4: alias *b has no anchor; write &b before it"]],
    ["a: &a [*a]", ["f.yaml:1:8: more than 100 aliases; write less"]],
    [
      "a: x\nb: ${NO}",
      ["f.yaml:2:4: environment variable NO is not set; set it, or give a default as in ${NAME:-default}"]
    ],
    [
      'a: [\n  "${b.c}"]',
      ["f.yaml:2:3: a ${ begins no placeholder; write ${NAME} or ${NAME:-default}, and $${ for a literal ${"]
    ]
  ] as const)("says where and how %j is wrong", ([text, expected]) => {
    assert.deepStrictEqual(faultsOf(text), [...expected])
  })

  it("refuses what is nested too deeply", () => {
    assert.match(faultsOf("[".repeat(20_000)).join(), /^f\.yaml:1:\d+: nested too deeply$/)
  })

  it("refuses an alias bomb with one fault", () => {
    const tenfold = (name: string) => `[${Array.from({ length: 10 }, () => `*${name}`).join(", ")}]`
    const bomb = `a: &a [1]\nb: &b ${tenfold("a")}\nc: &c ${tenfold("b")}\nd: &d ${tenfold("c")}\ne: ${tenfold("d")}`
    assert.deepStrictEqual(faultsOf(bomb).length, 1)
    assert.include(faultsOf(bomb)[0], `more than ${maxAliases} aliases`)
  })

  it("refuses a few aliases that stand for too much, with one fault", () => {
    const text = `a: &a [${"1,".repeat(40_000)}1]\nb: [*a, *a, *a, *a]`
    assert.strictEqual(faultsOf(text).length, 1)
    assert.include(faultsOf(text)[0], "more than 100000 values")
  })

  it("follows aliases, each value where it is used", () => {
    const { source } = parse("f.yaml", "a: &a { x: 1 }\nb: *a", {})
    assert.deepStrictEqual(source?.value, { a: { x: 1 }, b: { x: 1 } })
  })

  it("reads YAML 1.2 whatever the file's directive says", () => {
    const { source } = parse("f.yaml", "%YAML 1.1\n---\na: yes\n1: true", {})
    assert.deepStrictEqual(source?.value, { a: "yes", "1": true })
  })

  it.for(["", "# only a comment\n", "---\n"])("reads %j as an empty mapping", (text) => {
    const { faults, source } = parse("f.yaml", text, {})
    assert.deepStrictEqual([source?.value, faults], [{}, []])
  })

  it("takes a key named like an object's own machinery for what it is", () => {
    const { source } = parse("f.yaml", "__proto__: { a: 1 }", {})
    assert.deepStrictEqual(Object.keys(source?.value ?? {}), ["__proto__"])
    assert.isUndefined(source && valueAt(source, ["a"]))
  })

  it("knows where keys and values stand, with a byte order mark and Windows line ends", () => {
    const { source } = parse("f.yaml", "\uFEFFa: 1\r\nb:\r\n  - x\r\n  - { c:  y }\r\n", {})
    assert(source !== undefined)
    assert.deepStrictEqual(placeOf(source, ["b", 1, "c"], "key"), { line: 4, column: 7 })
    assert.deepStrictEqual(placeOf(source, ["b", 1, "c"]), { line: 4, column: 11 })
    assert.deepStrictEqual(placeOf(source, ["b", 1, "gone", "too"]), { line: 4, column: 5 })
  })
})
