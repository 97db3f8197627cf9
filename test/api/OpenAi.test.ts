import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import OpenAI, { APIError } from "openai"
import { at, RunningApp, start } from "../support/RunningApp.ts"

/** The official client, as a program would use it. */
const clientOf = ({ admin, url }: { readonly admin: string; readonly url: string }, apiKey = admin) =>
  new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 })

const client = Effect.map(RunningApp, (app) => clientOf(app))

/** What the client raised. */
const raised = (call: () => PromiseLike<unknown>) =>
  Effect.promise(() =>
    Promise.resolve(call()).then(
      () => assert.fail("the client raised nothing"),
      (error: unknown) => (error instanceof APIError ? error : assert.fail(`not an API error: ${error}`))
    )
  )

const collect = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const collected: Array<A> = []
  for await (const item of items) collected.push(item)
  return collected
}

const user = (content: string) => ({ role: "user" as const, content })

const picture = (url: string) => ({ type: "image_url" as const, image_url: { url } })

const textsOf = (log: ReadonlyArray<{ readonly type: string }>) =>
  log.flatMap((event) => (event.type === "MessageAccepted" ? [at(event, "text")] : []))

layer(RunningApp.layer, { excludeTestServices: true })("OpenAI's client", (it) => {
  it.effect("lists the agents of every tenant as models", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { data } = yield* Effect.promise(() => openai.models.list())
      assert.deepStrictEqual(
        data.map(({ id }) => id),
        ["default/main", "default/second", "other/main"]
      )
      assert.include(data[0], { object: "model", owned_by: "fiberclaw" })
    })
  )

  it.effect("gets an answer in one piece", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { data, response } = yield* Effect.promise(() =>
        openai.chat.completions.create({ model: "default/main", messages: [user("say: hello")] }).withResponse()
      )
      assert.deepStrictEqual(data.choices, [
        { index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" } as never
      ])
      assert.include(data, { object: "chat.completion", model: "default/main" })
      assert.strictEqual(
        data.usage?.total_tokens,
        (data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0)
      )
      assert.match(response.headers.get("x-session-id") ?? "", /^chat-/)
      assert.strictEqual(data.id, `chatcmpl-${response.headers.get("x-turn-id")}`)
    })
  )

  it.effect("gets an answer as it comes, with its usage at the end when asked for", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const chunks = yield* Effect.promise(async () => {
        const stream = await openai.chat.completions.create({
          model: "main",
          messages: [user("slow: 3")],
          stream: true,
          stream_options: { include_usage: true }
        })
        return collect(stream)
      })
      const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ""))
      assert.strictEqual(deltas.join(""), "word1 word2 word3")
      assert.isAbove(deltas.filter((text) => text !== "").length, 1)
      assert.strictEqual(chunks[0]?.choices[0]?.delta.role, "assistant")
      assert.strictEqual(chunks.at(-2)?.choices[0]?.finish_reason, "stop")
      assert.deepStrictEqual(chunks.at(-1)?.choices, [])
      assert.isAbove(chunks.at(-1)?.usage?.total_tokens ?? 0, 0)
      assert.lengthOf(new Set(chunks.map(({ id }) => id)), 1)
    })
  )

  it.effect("gets no usage it did not ask for", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const chunks = yield* Effect.promise(async () =>
        collect(await openai.chat.completions.create({ model: "main", messages: [user("Hi")], stream: true }))
      )
      assert.isFalse(chunks.some((chunk) => chunk.usage != null))
      assert.strictEqual(chunks.at(-1)?.choices[0]?.finish_reason, "stop")
    })
  )

  it.effect("continues a session it names, to which only the last message is added", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { logUntil } = yield* RunningApp
      const ask = (...messages: ReadonlyArray<OpenAI.ChatCompletionMessageParam>) =>
        Effect.promise(() =>
          openai.chat.completions
            .create({ model: "main", messages: [...messages] }, { headers: { "x-session-id": "named" } })
            .withResponse()
        )
      const first = yield* ask(user("my name is Ada"))
      assert.strictEqual(first.response.headers.get("x-session-id"), "named")
      const answer = first.data.choices[0]?.message.content ?? ""
      const second = yield* ask(user("made up"), { role: "assistant", content: answer }, user("recall"))
      assert.strictEqual(second.data.choices[0]?.message.content, "You told me earlier:\n\n1. my name is Ada")
      const log = yield* logUntil("named", "TurnEnded")
      assert.deepStrictEqual(textsOf(log), ["my name is Ada"])
      assert.strictEqual(at(log[0], "preceding"), undefined)
    })
  )

  it.effect("brings its own history to a session of its own", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { logUntil } = yield* RunningApp
      const { data, response } = yield* Effect.promise(() =>
        openai.chat.completions
          .create({
            model: "main",
            messages: [
              { role: "system", content: "Be brief." },
              { role: "developer", content: "Be kind." },
              user("my name is Ada"),
              { role: "assistant", content: "Hello Ada" },
              user("recall")
            ]
          })
          .withResponse()
      )
      assert.strictEqual(data.choices[0]?.message.content, "You told me earlier:\n\n1. my name is Ada")
      const [accepted] = yield* logUntil(response.headers.get("x-session-id") ?? "", "TurnEnded")
      assert.deepInclude(accepted, {
        text: "recall",
        preceding: [
          { role: "system", text: "Be brief." },
          { role: "system", text: "Be kind." },
          { role: "user", text: "my name is Ada" },
          { role: "assistant", text: "Hello Ada" }
        ]
      } as never)
    })
  )

  it.effect("gets the same answer to the same idempotency key, without a second turn", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { call } = yield* RunningApp
      for (const session of [undefined, "once"]) {
        const headers = { "idempotency-key": "key-1", ...(session === undefined ? {} : { "x-session-id": session }) }
        const ask = () =>
          Effect.promise(() =>
            openai.chat.completions.create({ model: "main", messages: [user("say: once")] }, { headers }).withResponse()
          )
        const first = yield* ask()
        const second = yield* ask()
        assert.strictEqual(second.data.id, first.data.id)
        assert.deepStrictEqual(second.data.choices, first.data.choices)
        const id = first.response.headers.get("x-session-id")
        assert.strictEqual(second.response.headers.get("x-session-id"), id)
        const { json } = yield* call("GET", `/api/v1/tenants/default/sessions/${id}/events`)
        assert.strictEqual(at(json, "events", 4, "type"), "TurnEnded")
        assert.strictEqual(at(json, "events", 5), undefined)
      }
    })
  )

  it.effect("shares an idempotency key with nobody, not even with a token of the same name", () =>
    Effect.gen(function* () {
      const app = yield* RunningApp
      const headers = { "idempotency-key": "key-3" }
      const ask = (token: string, text: string) =>
        Effect.promise(() =>
          clientOf(app, token).chat.completions.create({ model: "main", messages: [user(`say: ${text}`)] }, { headers })
        )
      const one = yield* ask(yield* app.token("user"), "mine")
      const other = yield* ask(yield* app.token("user"), "yours")
      assert.strictEqual(one.choices[0]?.message.content, "mine")
      assert.strictEqual(other.choices[0]?.message.content, "yours")
    })
  )

  it.effect("gets every word once, also when it asks again in the middle of the answer", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const request = { model: "main", messages: [user("slow: 4")], stream: true as const }
      const headers = { "idempotency-key": "key-2" }
      const texts = yield* Effect.promise(async () => {
        const first = await openai.chat.completions.create(request, { headers })
        const words = first[Symbol.asyncIterator]()
        await words.next()
        const begun = await words.next()
        const again = await collect(await openai.chat.completions.create(request, { headers }))
        const rest = await collect({ [Symbol.asyncIterator]: () => words })
        return [[begun.value, ...rest], again].map((chunks) =>
          chunks.map((chunk) => chunk?.choices[0]?.delta.content ?? "").join("")
        )
      })
      assert.deepStrictEqual(texts, ["word1 word2 word3 word4", "word1 word2 word3 word4"])
    })
  )

  it.effect("gets the text of content in parts", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { choices } = yield* Effect.promise(() =>
        openai.chat.completions.create({
          model: "main",
          stream: null,
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "say: in " },
                { type: "text", text: "parts" }
              ]
            }
          ]
        })
      )
      assert.strictEqual(choices[0]?.message.content, "in parts")
    })
  )

  const unsupported: ReadonlyArray<readonly [name: string, messages: ReadonlyArray<unknown>, detail: RegExp]> = [
    [
      "a tool's result",
      [user("Hi"), { role: "tool", tool_call_id: "1", content: "x" }],
      /400 messages\[1\]\.role: Expected "system"/
    ],
    [
      "a function's result",
      [{ role: "function", name: "f", content: "x" }],
      /400 messages\[0\]\.role: Expected "system"/
    ],
    [
      "a sound",
      [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }],
      /400 messages\[0\]\.content.*"text"/
    ],
    [
      "a picture of the model's",
      [{ role: "assistant", content: [picture("https://example.org/a.png")] }, user("Hi")],
      /400 messages\[0\]\.content\[0\]\.type: Expected "text", as only users bring files$/
    ],
    ["no messages", [], /400 messages/],
    [
      "an assistant's last word",
      [user("Hi"), { role: "assistant", content: "Hello" }],
      /400 messages: the last one must be the user's/
    ],
    [
      "a longer conversation than fits",
      Array.from({ length: 2049 }, () => user("Hi")),
      /400 messages: Expected at most 2048 messages$/
    ],
    ["silence", [user("")], /400 messages: the last one must be the user's, and say something/]
  ]

  it.effect.each(unsupported)("is told that %s is not understood", ([, messages, detail]) =>
    Effect.gen(function* () {
      const openai = yield* client
      const error = yield* raised(() => openai.chat.completions.create({ model: "main", messages: messages as never }))
      assert.strictEqual(error.status, 400)
      assert.match(error.message, detail)
      assert.strictEqual(error.type, "invalid_request_error")
    })
  )

  const unfit: ReadonlyArray<readonly [name: string, part: unknown, detail: RegExp]> = [
    ["no data", picture("data:,"), /image_url\.url: is no data URL in base64$/],
    [
      "another type",
      picture("data:image/svg+xml;base64,AAAA"),
      /image_url\.url: "image\/svg\+xml" is not taken: expected/
    ],
    ["other bytes", picture("data:image/png;base64,AAAA"), /image_url\.url: "image\/png" is not what the bytes are/],
    [
      "a link to a disk",
      picture("file:///etc/passwd"),
      /image_url\.url: is neither a data URL nor a link to http or https in 8000 characters$/
    ],
    [
      "a file kept elsewhere",
      { type: "file", file: { file_id: "f" } },
      /file\.file_data: is missing, and no file is known/
    ],
    ["unknown bytes", { type: "file", file: { file_data: "AAAA" } }, /file\.file_data: is of no type that is taken$/]
  ]

  it.effect.each(unfit)("is told that %s cannot be taken", ([, part, detail]) =>
    Effect.gen(function* () {
      const openai = yield* client
      const messages = [user("Hi"), { role: "user", content: [{ type: "text", text: "This?" }, part] }]
      const error = yield* raised(() => openai.chat.completions.create({ model: "main", messages: messages as never }))
      assert.strictEqual(error.status, 422)
      assert.match(error.message, /422 messages\[1\]\.content\[1\]\./)
      assert.match(error.message, detail)
      assert.strictEqual(error.type, "invalid_request_error")
    })
  )

  it.effect("keeps the pictures of messages that came before, where they start a session", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const openai = yield* client
      const link = "https://example.org/a.png"
      const { data, response } = yield* Effect.promise(() =>
        openai.chat.completions
          .create({
            model: "main",
            messages: [
              { role: "user", content: [picture(link)] },
              { role: "assistant", content: "A cat." },
              user("say: right")
            ]
          })
          .withResponse()
      )
      assert.strictEqual(data.choices[0]?.message.content, "right")
      const session = response.headers.get("x-session-id")
      const { json } = yield* call("GET", `/api/v1/tenants/default/sessions/${session}/events`)
      assert.deepStrictEqual(at(json, "events", 0, "preceding", 0), {
        role: "user",
        text: "",
        files: [{ mediaType: "image/png", url: link }]
      })
    })
  )

  it.effect("is told which model there is not", () =>
    Effect.gen(function* () {
      const openai = yield* client
      for (const model of ["nobody", "nowhere/main", "NO MODEL", "a/b/c"]) {
        const error = yield* raised(() => openai.chat.completions.create({ model, messages: [user("Hi")] }))
        assert.strictEqual(error.status, 404, model)
        assert.match(error.message, /^404 there is no (agent nobody|tenant nowhere|model NO MODEL|model a\/b\/c)/)
      }
    })
  )

  it.effect("is told that its key is wrong", () =>
    Effect.gen(function* () {
      const openai = clientOf(yield* RunningApp, "guessed")
      const error = yield* raised(() => openai.models.list())
      assert.deepStrictEqual([error.status, error.type], [401, "authentication_error"])
      assert.strictEqual(error.message, "401 send a valid token as `Authorization: Bearer TOKEN`")
    })
  )

  it.effect("raises what a turn failed with, in one piece and as it comes", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const request = { model: "main", messages: [user("fail: authentication")] }
      const whole = yield* raised(() => openai.chat.completions.create(request))
      assert.strictEqual(whole.status, 502)
      assert.match(whole.message, /the demo model was told to fail with authentication/)
      const streamed = yield* raised(async () =>
        collect(await openai.chat.completions.create({ ...request, stream: true }))
      )
      assert.match(streamed.message, /the demo model was told to fail with authentication/)
      assert.strictEqual(streamed.code, whole.code)
      for (const reason of ["rate_limited", "spend_limit"]) {
        const limited = yield* raised(() =>
          openai.chat.completions.create({ model: "main", messages: [user(`fail: ${reason}`)] })
        )
        assert.deepStrictEqual([limited.status, limited.code], [429, reason])
      }
    })
  )

  it.effect("raises that its turn was cancelled", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { call, logUntil } = yield* RunningApp
      for (const stream of [true, false]) {
        const headers = { "x-session-id": `cancelled-${stream}` }
        const request = { model: "main", messages: [user("slow: 10000")], stream }
        const asking = yield* Effect.forkChild(
          raised(async () => {
            const answer = await openai.chat.completions.create(request, { headers })
            return Symbol.asyncIterator in answer ? collect(answer) : answer
          }),
          { startImmediately: true }
        )
        yield* logUntil(headers["x-session-id"], "ModelCalled")
        yield* call("POST", `/api/v1/tenants/default/sessions/${headers["x-session-id"]}/cancel`)
        const error = yield* Fiber.join(asking)
        assert.match(error.message, /the turn was cancelled/)
      }
    })
  )

  it.effect("may go away without cancelling its turn", () =>
    Effect.gen(function* () {
      const openai = yield* client
      const { logUntil } = yield* RunningApp
      yield* Effect.promise(async () => {
        const stream = await openai.chat.completions.create(
          { model: "main", messages: [user("slow: 4")], stream: true },
          { headers: { "x-session-id": "left-alone" } }
        )
        for await (const _ of stream) break
      })
      const ended = (yield* logUntil("left-alone", "TurnEnded")).at(-1)
      assert.strictEqual(at(ended, "outcome"), "completed")
    })
  )
})

describe("A service that stops", () => {
  it.live("tells OpenAI's client that its answer was cut off", () =>
    Effect.gen(function* () {
      const app = yield* start({ files: { "fiberclaw.yaml": "drain: 0 seconds\n" } })
      const openai = clientOf(app)
      const headers = { "x-session-id": "cut" }
      const asking = yield* Effect.forkChild(
        raised(async () =>
          collect(
            await openai.chat.completions.create(
              { model: "main", messages: [user("slow: 10000")], stream: true },
              { headers }
            )
          )
        ),
        { startImmediately: true }
      )
      yield* app.logUntil("cut", "ModelCalled")
      yield* app.drain.begin
      yield* app.drain.close
      assert.match((yield* Fiber.join(asking)).message, /the service is stopping/)
      const late = yield* raised(() => openai.chat.completions.create({ model: "main", messages: [user("Hi")] }))
      assert.deepStrictEqual([late.status, late.headers?.get("retry-after")], [503, "1"])
      assert.match(late.message, /the service is stopping/)
    }).pipe(Effect.scoped)
  )
})
