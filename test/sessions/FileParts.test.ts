import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Prompt } from "effect/ai"
import { type KeptFile, Sha256 } from "../../src/domain/Attachment.ts"
import { filled, partOf, sizeOf, titleOfPart } from "../../src/sessions/FileParts.ts"
import { pdf, png, text } from "../support/Pictures.ts"

const hash = (digit: string) => Sha256.make(digit.repeat(64))

const kept = (digit: string, mediaType: KeptFile["mediaType"], bytes: number, name?: string): KeptFile => ({
  mediaType,
  bytes,
  sha256: hash(digit),
  ...(name !== undefined && { name })
})

const decode = Schema.decodeSync(Prompt.Message)

const promptOf = (...files: ReadonlyArray<KeptFile>): Prompt.Prompt =>
  Prompt.fromMessages([
    decode({ role: "system", content: "Be kind." }),
    ...files.map((file) => decode({ role: "user", content: [partOf(file), { type: "text", text: "this?" }] }))
  ])

const stored = new Map<string, Uint8Array>([
  [hash("a"), png],
  [hash("b"), pdf],
  [hash("c"), text]
])

const load = (sha256: Sha256) => Effect.succeed(Option.fromUndefinedOr(stored.get(sha256)))

/** The first part of each message of a person. */
const shownIn = (prompt: Prompt.Prompt) =>
  prompt.content.flatMap((message) => (message.role === "user" ? [message.content[0]] : []))

describe("files among what the model is sent", () => {
  it.effect("get their bytes, text becoming text and what is gone being told as that", () =>
    Effect.gen(function* () {
      const files = [
        kept("a", "image/png", png.length, "dot.png"),
        kept("b", "application/pdf", pdf.length),
        kept("c", "text/plain", text.length, "notes.txt"),
        kept("d", "image/png", 10, "lost.png")
      ]
      const [image, document, notes, lost] = shownIn(yield* filled(promptOf(...files), load))
      assert.deepInclude(image, { mediaType: "image/png", fileName: "dot.png", data: png.toString("base64") })
      assert.deepInclude(document, { mediaType: "application/pdf", data: pdf.toString("base64") })
      assert.deepInclude(notes, { text: `[the file notes.txt (text/plain):]\n\n${text.toString("utf8")}` })
      assert.deepInclude(lost, { text: "[the file lost.png (image/png) is no longer there]" })
    })
  )

  it.effect("are left out where newer ones fill the request, and nothing else is touched", () =>
    Effect.gen(function* () {
      const large = 5 * 1024 * 1024
      const prompt = promptOf(...Array.from({ length: 6 }, () => kept("a", "image/png", large, "dot.png")))
      const full = yield* filled(prompt, load)
      const types = shownIn(full).map((part) => part?.type)
      assert.deepStrictEqual(types, ["text", "text", "file", "file", "file", "file"])
      assert.deepInclude(shownIn(full)[0], {
        text: "[the file dot.png (image/png) was left out, as newer files fill the request]"
      })
      assert.strictEqual(full.content[0], prompt.content[0])
      const plain = promptOf()
      assert.strictEqual(yield* filled(plain, load), plain)
    })
  )

  it.effect("are no larger than their events say, whatever a log that was brought in says", () =>
    Effect.gen(function* () {
      const large = 5 * 1024 * 1024
      const files = [large, large, large, large, large, -100 * large].map((bytes) => kept("a", "image/png", bytes))
      const [first, ...others] = shownIn(yield* filled(promptOf(...files), load))
      assert.match(first?.type === "text" ? first.text : "", /was left out/)
      assert.deepStrictEqual(
        others.map((part) => part?.type),
        ["file", "file", "file", "file", "text"]
      )
      assert.strictEqual(sizeOf(partOf(kept("c", "text/plain", -3_500))), 0)
    })
  )

  it.effect("that are links stay links", () =>
    Effect.gen(function* () {
      const link = partOf({ mediaType: "image/png", url: "https://example.org/a.png" })
      const prompt = Prompt.fromMessages([decode({ role: "user", content: [link] })])
      assert.strictEqual(yield* filled(prompt, load), prompt)
      assert.strictEqual(titleOfPart(link), "https://example.org/a.png")
      assert.deepInclude(shownIn(prompt)[0], { data: new URL("https://example.org/a.png") })
    })
  )

  it("are reckoned with as what models take them for", () => {
    assert.strictEqual(sizeOf(partOf(kept("a", "image/png", 5_000_000))), 5_600)
    assert.strictEqual(sizeOf(partOf(kept("a", "application/pdf", 100))), 7_000)
    assert.strictEqual(sizeOf(partOf(kept("a", "application/pdf", 1_000_000))), 70_000)
    assert.strictEqual(sizeOf(partOf(kept("a", "text/plain", 3_500))), 3_500)
    assert.strictEqual(sizeOf(partOf({ mediaType: "image/gif", url: "https://example.org/a.gif" })), 5_600)
  })
})
