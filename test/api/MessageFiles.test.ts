import { createHash } from "node:crypto"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { disposition } from "../../src/api/SentFiles.ts"
import { at, RunningApp } from "../support/RunningApp.ts"
import { gif, pdf, png, pngOf, text } from "../support/Pictures.ts"
import { allowing, assertProblem, ended, eventsOf, sessions, told } from "./SessionCalls.ts"

const mebibyte = 1024 * 1024

const files = {
  "tenants/default/agents/main.yaml": allowing,
  "tenants/other/tenant.yaml": "name: O\nproviders:\n  demo: { kind: scripted }\n"
}

const hashOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex")

const file = (data: Uint8Array, mediaType: string, name?: string) => ({
  ...(name === undefined ? {} : { name }),
  mediaType,
  data: Buffer.from(data).toString("base64")
})

const post = Effect.fnUntraced(function* (session: string, body: unknown) {
  const { call } = yield* RunningApp
  return yield* call("POST", `${sessions}/${session}/messages`, { body })
})

/** Says something with these files, and waits for the end of the turn. */
const show = Effect.fnUntraced(function* (session: string, ...brought: ReadonlyArray<unknown>) {
  const answer = yield* post(session, { agent: "main", text: "say: seen", files: brought })
  assert.strictEqual(answer.status, 202, answer.text)
  yield* ended(session, String(at(answer.json, "turn")))
})

/** A file of a session, its body as bytes. */
const fetched = Effect.fnUntraced(function* (session: string, data: Uint8Array, token?: string, tenant = "default") {
  const { admin, url } = yield* RunningApp
  return yield* Effect.promise(async () => {
    const path = `/api/v1/tenants/${tenant}/sessions/${session}/files/${hashOf(data)}`
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token ?? admin}` } })
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  })
})

const carryOut = Effect.fnUntraced(function* (session: string) {
  const { call } = yield* RunningApp
  return (yield* call("GET", `${sessions}/${session}/export`)).text
})

const bringIn = Effect.fnUntraced(function* (session: string, body: string) {
  const { call } = yield* RunningApp
  const headers = { "content-type": "application/x-ndjson" }
  return yield* call("POST", `${sessions}/${session}/import`, { body, headers })
})

interface Refused {
  readonly name: string
  readonly brought: ReadonlyArray<unknown>
  readonly status: number
  readonly detail: RegExp
}

const refusals: ReadonlyArray<Refused> = [
  {
    name: "a type that is not taken",
    brought: [file(png, "image/png"), file(png, "image/tiff")],
    status: 422,
    detail: /^files\[1\]\.mediaType: "image\/tiff" is not taken: expected one of image\/jpeg, .*, text\/plain$/
  },
  {
    name: "what is something else than it is called",
    brought: [file(gif, "image/png")],
    status: 422,
    detail: /^files\[0\]\.mediaType: "image\/png" is not what the bytes are, which look like image\/gif$/
  },
  {
    name: "what is no base64",
    brought: [{ mediaType: "image/png", data: "iVBORw0KGgo*" }],
    status: 422,
    detail: /^files\[0\]\.data: is no base64/
  },
  {
    name: "nothing",
    brought: [file(Buffer.alloc(0), "text/plain")],
    status: 422,
    detail: /^files\[0\]\.data: .* empty$/
  },
  {
    name: "too large a file",
    brought: [file(pngOf(5 * mebibyte + 1), "image/png")],
    status: 422,
    detail: /^files\[0\]\.data: the file has .* at most 5242880 are taken$/
  },
  {
    name: "too many bytes",
    brought: [file(pngOf(4 * mebibyte), "image/png"), file(pngOf(4 * mebibyte), "image/png"), file(gif, "image/gif")],
    status: 422,
    detail: /^files: the files have 8388\d+ bytes together, and those of a message have at most 8388608$/
  },
  {
    name: "too many files",
    brought: Array.from({ length: 11 }, () => file(png, "image/png")),
    status: 422,
    detail: /^files: 11 files are brought, and a message brings at most 10$/
  },
  {
    name: "a name of two lines",
    brought: [file(png, "image/png", "a\nb")],
    status: 400,
    detail: /^files\[0\]\.name: /
  },
  { name: "no bytes at all", brought: [{ mediaType: "image/png" }], status: 400, detail: /^files\[0\]\.data: / }
]

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("Files of a message", (it) => {
  it.effect("are told in its event, and given back as they came", () =>
    Effect.gen(function* () {
      yield* show("seen", file(png, "image/png", 'dot "é".png'), file(text, "text/plain; charset=utf-8"))
      const [first] = yield* eventsOf("seen")
      assert.deepStrictEqual(first?.type === "MessageAccepted" ? first.files : undefined, [
        { name: 'dot "é".png', mediaType: "image/png", bytes: png.length, sha256: hashOf(png) },
        { mediaType: "text/plain", bytes: text.length, sha256: hashOf(text) }
      ] as never)
      const image = yield* fetched("seen", png)
      assert.deepStrictEqual(image.body, png)
      assert.strictEqual(image.headers.get("content-type"), "image/png")
      assert.strictEqual(image.headers.get("x-content-type-options"), "nosniff")
      assert.match(image.headers.get("content-disposition") ?? "", /^attachment; filename="dot _*\.png"; /)
      assert.deepStrictEqual((yield* fetched("seen", text)).body, text)
    })
  )

  it.effect("may be all that it says, and as many bytes as are allowed", () =>
    Effect.gen(function* () {
      const half = [pngOf(4 * mebibyte, 1), pngOf(4 * mebibyte, 2)]
      const answer = yield* post("large", {
        agent: "main",
        text: "",
        files: half.map((data) => file(data, "image/png"))
      })
      assert.strictEqual(answer.status, 202, answer.text)
      yield* ended("large", String(at(answer.json, "turn")))
      assert.deepStrictEqual((yield* fetched("large", half[1] ?? png)).body, half[1])
      assertProblem(yield* post("large", { text: "", files: [] }), 400, /^text: Expected something said, or files$/)
    })
  )

  it.effect("do not make room for a longer text", () =>
    Effect.gen(function* () {
      const long = "x".repeat(mebibyte)
      assertProblem(
        yield* post("long", { agent: "main", text: long }),
        413,
        /beside files, and at most 1048576 are taken$/
      )
      assertProblem(
        yield* post("long", { agent: "main", text: long.repeat(13) }),
        413,
        /^the request body has \d+ bytes/
      )
    })
  )

  it.effect.each(refusals)("are refused when there is $name", ({ brought, detail, status }) =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      assertProblem(yield* post("refused", { agent: "main", text: "Look.", files: brought }), status, detail)
      assert.strictEqual((yield* call("GET", `${sessions}/refused`)).status, 404)
    })
  )

  it.effect("are for those who may read the session, and for its own session only", () =>
    Effect.gen(function* () {
      const { token } = yield* RunningApp
      yield* show("private", file(pdf, "application/pdf", "paper.pdf"))
      yield* show("elsewhere", file(png, "image/png"))
      assert.strictEqual((yield* fetched("private", pdf, yield* token("viewer", "default"))).status, 200)
      assert.strictEqual((yield* fetched("private", pdf, yield* token("admin", "other"))).status, 404)
      assert.strictEqual((yield* fetched("private", pdf, "nobody's")).status, 401)
      assert.strictEqual((yield* fetched("elsewhere", pdf)).status, 404)
      assert.strictEqual((yield* fetched("nowhere", pdf)).status, 404)
    })
  )

  it.effect("are in a fork too, and go with the last session that has them", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* show("root", file(pngOf(500, 7), "image/png"))
      const forked = yield* call("POST", `${sessions}/root/fork`, { body: { at: 1, session: "branch" } })
      assert.strictEqual(forked.status, 201, forked.text)
      assert.strictEqual((yield* call("DELETE", `${sessions}/root`)).status, 204)
      assert.strictEqual((yield* fetched("root", pngOf(500, 7))).status, 404)
      assert.deepStrictEqual((yield* fetched("branch", pngOf(500, 7))).body, pngOf(500, 7))
      const carried = yield* carryOut("branch")
      assert.strictEqual((yield* call("DELETE", `${sessions}/branch`)).status, 204)
      const without = carried.replace(/^\{"file".*\n/m, "")
      assert.strictEqual((yield* bringIn("bare", without)).status, 201)
      assert.strictEqual((yield* fetched("bare", pngOf(500, 7))).status, 404)
    })
  )

  it.effect("are carried away and brought in with it", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* show("carried", file(png, "image/png", "dot.png"), file(pngOf(3 * mebibyte, 9), "image/png"))
      yield* show("carried", file(png, "image/png", "again.png"))
      const before = yield* eventsOf("carried")
      const carried = yield* carryOut("carried")
      assert.lengthOf(carried.match(/^\{"file"/gm) ?? [], 2)
      yield* call("DELETE", `${sessions}/carried`)
      const back = yield* bringIn("carried", carried)
      assert.strictEqual(back.status, 201, back.text)
      assert.deepStrictEqual(told(yield* eventsOf("carried")).slice(0, -1), told(before))
      assert.deepStrictEqual((yield* fetched("carried", pngOf(3 * mebibyte, 9))).body, pngOf(3 * mebibyte, 9))
      assert.strictEqual(yield* carryOut("carried").pipe(Effect.map((text) => text.match(/^\{"file".*$/gm)?.length)), 2)
    })
  )

  it.effect("that are not what an imported file says are refused by their line", () =>
    Effect.gen(function* () {
      yield* show("forged", file(gif, "image/gif"))
      const carried = yield* carryOut("forged")
      const forged = carried.replace(/("data":")..../, "$1AAAA")
      assertProblem(
        yield* bringIn("forgery", forged),
        400,
        /^line 2: data: Expected the bytes with the SHA-256 [0-9a-f]{64}$/
      )
      const nameless = carried.replace(/("file":")..../, "$1zzzz")
      assertProblem(yield* bringIn("forgery", nameless), 400, /^line 2: file: /)
      const deep = carried.replace(/"data":".*"/, () => `"data":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`)
      assertProblem(yield* bringIn("forgery", deep), 400, /^line 2: Expected at most 1000 levels$/)
      assert.strictEqual((yield* fetched("forgery", gif)).status, 404)
    })
  )
})

describe("the name a file is saved under", () => {
  it("is no part of the header's grammar, whatever it is", () => {
    assert.strictEqual(disposition(undefined), "attachment")
    assert.strictEqual(disposition("a.png"), "attachment; filename=\"a.png\"; filename*=UTF-8''a.png")
    assert.strictEqual(
      disposition('é"\r\n\\%(1)*\ud800.png'),
      "attachment; filename=\"______(1)*_.png\"; filename*=UTF-8''%C3%A9%22%0D%0A%5C%25%281%29%2A%EF%BF%BD.png"
    )
  })
})
