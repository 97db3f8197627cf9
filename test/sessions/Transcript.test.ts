import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Prompt } from "effect/ai"
import { Sha256 } from "../../src/domain/Attachment.ts"
import { partOf } from "../../src/sessions/FileParts.ts"
import { append, type History, saidSince, silence } from "../../src/sessions/History.ts"
import { fitting, instructionsIn, sizeOf, transcriptOf } from "../../src/sessions/Transcript.ts"

const historyOf = (...messages: ReadonlyArray<Prompt.MessageEncoded>): History =>
  messages.reduce((history, message, index) => append(history, index + 1, [message]), silence)

const lines = (...messages: ReadonlyArray<Prompt.MessageEncoded>) => transcriptOf(saidSince(historyOf(...messages), 0))

const person = (text: string): Prompt.MessageEncoded => ({ role: "user", content: [{ type: "text", text }] })

describe("a transcript", () => {
  it("tells what was said and called, and not what was thought", () => {
    const call = {
      type: "tool-call" as const,
      id: "1",
      name: "exec",
      params: { command: "ls" },
      providerExecuted: false
    }
    const said = lines(person("look"), {
      role: "assistant",
      content: [{ type: "reasoning", text: "hm" }, { type: "text", text: "I look." }, call]
    })
    assert.deepStrictEqual(said, [
      { event: 1, role: "user", text: "look" },
      { event: 2, role: "assistant", text: 'I look.\n[calls exec {"command":"ls"}]' }
    ])
  })

  it("tells which files were brought, and not what is in them", () => {
    const kept = { mediaType: "image/png" as const, bytes: 67, sha256: Sha256.make("d".repeat(64)) }
    const files = [partOf({ ...kept, name: "dot.png" }), partOf(kept)]
    const [line] = lines({ role: "user", content: [...files, { type: "text", text: "this?" }] })
    assert.strictEqual(
      line?.text,
      "[brings the file dot.png (image/png)]\n[brings the file dddddddd (image/png)]\nthis?"
    )
  })

  it("says of a tool whether it failed, and has only the ends of a long output", () => {
    const result = { type: "tool-result" as const, id: "1", name: "exec", isFailure: true, providerExecuted: false }
    const [line] = lines({ role: "tool", content: [{ ...result, result: "x".repeat(5_000) }] })
    assert.match(line?.text ?? "", /^exec: failed: x+\n\[… 3,014 characters left out …\]\nx+$/)
  })

  it("has no line for what says nothing", () => {
    const thinking: Prompt.MessageEncoded = { role: "assistant", content: [{ type: "reasoning", text: "hm" }] }
    assert.deepStrictEqual(lines(person("  "), thinking), [])
  })

  it("leaves instructions to be kept as they are, each of them once", () => {
    const system = (content: string): Prompt.MessageEncoded => ({ role: "system", content })
    const history = historyOf(system("be kind"), person("hello"), system("be kind"), system("be brief"))
    assert.deepStrictEqual(instructionsIn(saidSince(history, 0)), ["be kind", "be brief"])
    assert.lengthOf(transcriptOf(saidSince(history, 0)), 1)
  })
})

describe("fitting", () => {
  const size = Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 4_000 }))

  it.prop(
    "is never longer than it may be, and begins and ends where it did",
    [Schema.Array(Schema.String), size],
    ([texts, room]) => {
      const all = lines(...texts.map((text) => person(`${text} `.repeat(50))))
      const fit = fitting(all, room)
      assert.isAtMost(sizeOf(fit), room)
      assert.strictEqual(fit[0]?.event, all[0]?.event)
      assert.strictEqual(fit.at(-1)?.event, all.at(-1)?.event)
    }
  )

  it("leaves alone what fits", () => {
    const all = lines(person("one"), person("two"))
    assert.strictEqual(fitting(all, 1_000), all)
  })

  it("leaves out lines in the middle where there are too many", () => {
    const fit = fitting(
      lines(...Array.from({ length: 100 }, (_, nth) => person(`message ${nth} ${"x".repeat(300)}`))),
      2_000
    )
    assert.isAtMost(sizeOf(fit), 2_000)
    assert.strictEqual(fit[0]?.event, 1)
    assert.strictEqual(fit.at(-1)?.event, 100)
    assert.isBelow(fit.length, 20)
    const gap = fit.find(({ text }) => text.startsWith("["))
    assert.strictEqual(gap?.text, `[${101 - fit.length} messages left out]`)
    assert.strictEqual(gap?.event, (fit.length - 1) / 2 + 1)
  })
})
