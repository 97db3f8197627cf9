/** Files from a message over HTTP to the model behind the Messages API, again with the next turn and after a restart. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Model from "../support/AnthropicServer.ts"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation } from "../support/Conversation.ts"
import { pdf, png, pngOf, text } from "../support/Pictures.ts"
import { makePlace, type Service, start } from "../support/Service.ts"

const reply = Model.events(Model.reply({ text: "I see." }))

const path = "/api/v1/tenants/default/sessions/shown/messages"

const encoded = (data: Buffer, mediaType: string, name?: string) => ({
  ...(name !== undefined && { name }),
  mediaType,
  data: data.toString("base64")
})

const decodeTurn = Schema.decodeUnknownSync(Schema.Struct({ turn: Schema.String }))

const show = Effect.fnUntraced(function* (service: Service, body: object) {
  const answered = yield* call(service, path, { body: { agent: "main", ...body } })
  assert.strictEqual(answered.status, 202, JSON.stringify(answered.body))
  return yield* conversation(service, "shown").ended(decodeTurn(answered.body).turn)
})

interface Block extends Readonly<Record<string, unknown>> {
  readonly type: string
}

/** The blocks of the first message of a request, without where its prefix is cached. */
const firstOf = (request: Model.Recorded | undefined): ReadonlyArray<Block> => {
  assert(request !== undefined)
  const { messages } = request.body as { readonly messages: ReadonlyArray<{ readonly content: ReadonlyArray<Block> }> }
  return (messages[0]?.content ?? []).map(({ cache_control: _, ...block }) => block as Block)
}

const source = (data: Buffer, media_type: string) => ({ type: "base64", media_type, data: data.toString("base64") })

describe("The service with a model that is shown files", () => {
  it.live("shows them before what is said, the same bytes with every request, after a restart too", () =>
    Effect.gen(function* () {
      const model = yield* Model.make([reply, reply, reply])
      const place = yield* makePlace(filesOf({ anthropic: model.url }))
      const service = yield* start(place)
      const large = pngOf(2_000_000, 3)
      const files = [
        encoded(png, "image/png", "dot.png"),
        encoded(large, "image/png"),
        encoded(pdf, "application/pdf", "paper.pdf"),
        encoded(text, "text/plain", "notes.txt")
      ]
      assert.strictEqual((yield* show(service, { text: "What is this?", files })).outcome, "completed")
      const [dot, other, paper, notes, said, ...more] = firstOf(model.requests[0])
      assert.deepInclude(dot, { type: "image", source: source(png, "image/png") })
      assert.deepInclude(other, { type: "image", source: source(large, "image/png") })
      assert.deepInclude(paper, { type: "document", source: source(pdf, "application/pdf") })
      assert.strictEqual(notes?.["text"], `[the file notes.txt (text/plain):]\n\n${text.toString("utf8")}`)
      assert.strictEqual(said?.["text"], "What is this?")
      assert.isEmpty(more)

      yield* show(service, { text: "And again?" })
      assert.deepStrictEqual(firstOf(model.requests[1]), firstOf(model.requests[0]))
      yield* service.kill("SIGKILL")
      const second = yield* start(place)
      yield* show(second, { text: "And now?" })
      assert.deepStrictEqual(firstOf(model.requests[2]), firstOf(model.requests[0]))
    })
  )

  it.live("goes on without a file that is gone, and says so to the model", () =>
    Effect.gen(function* () {
      const model = yield* Model.make([reply, reply])
      const service = yield* start(yield* makePlace(filesOf({ anthropic: model.url })))
      yield* show(service, { text: "Look.", files: [encoded(png, "image/png", "dot.png")] })
      const { token, url } = service
      const log = yield* Effect.promise(async () => {
        const response = await fetch(`${url}${path.replace("messages", "export")}`, {
          headers: { authorization: `Bearer ${token}` }
        })
        return (await response.text()).replace(/^\{"file".*\n/m, "")
      })
      yield* call(service, path.replace("/messages", ""), { method: "DELETE" })
      const imported = yield* Effect.promise(() =>
        fetch(`${url}${path.replace("messages", "import")}`, {
          method: "POST",
          body: log,
          headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" }
        })
      )
      assert.strictEqual(imported.status, 201)
      assert.strictEqual((yield* show(service, { text: "Still there?" })).outcome, "completed")
      assert.strictEqual(firstOf(model.requests[1])[0]?.["text"], "[the file dot.png (image/png) is no longer there]")
    })
  )

  it.live("passes pictures of chat completions on, and links to them as links", () =>
    Effect.gen(function* () {
      const model = yield* Model.make([reply])
      const service = yield* start(yield* makePlace(filesOf({ anthropic: model.url })))
      const link = "https://example.org/cat.jpg"
      const content = [
        { type: "text", text: "Which is the cat?" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png.toString("base64")}` } },
        { type: "image_url", image_url: { url: link, detail: "low" } },
        { type: "file", file: { filename: "paper.pdf", file_data: pdf.toString("base64") } }
      ]
      const body = { model: "main", messages: [{ role: "user", content }] }
      const answered = yield* call(service, "/v1/chat/completions", { body })
      assert.strictEqual(answered.status, 200, JSON.stringify(answered.body))
      const [data, linked, paper, said] = firstOf(model.requests[0])
      assert.deepInclude(data, { type: "image", source: source(png, "image/png") })
      assert.deepInclude(linked, { type: "image", source: { type: "url", url: link } })
      assert.deepInclude(paper, { type: "document", source: source(pdf, "application/pdf") })
      assert.strictEqual(said?.["text"], "Which is the cat?")
    })
  )
})
