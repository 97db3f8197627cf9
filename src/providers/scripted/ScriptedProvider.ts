/**
 * The demo model: a provider without a key, a network or an opinion (`kind: scripted`).
 *
 * It streams word by word in the same parts as a real one, so that everything around a provider can be shown
 * and tested. What it says is decided by `script`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Response from "effect/ai/Response"
import type { Array as Arr } from "effect"
import type { Prompt } from "effect/ai"
import { Provider, type ProviderPart, type ProviderRequest } from "../Provider.ts"
import { ProviderError, type ProviderFault } from "../ProviderError.ts"
import { type Plan, type Step, script } from "./Script.ts"

export interface ScriptedOptions {
  /** The provider's name in the tenant's file. */
  readonly name: string
  /** A wait before every part; none if not given. */
  readonly delay?: Duration.Duration
}

export const layer = (options: ScriptedOptions): Layer.Layer<Provider> => Layer.succeed(Provider, make(options))

export const make = (options: ScriptedOptions): Provider["Service"] => ({
  name: options.name,
  models: ["demo"],
  count: (request) => Effect.sync(() => inputTokens(request.prompt)),
  stream: (request) =>
    Stream.suspend(() => {
      const plan = script(
        request.prompt,
        request.tools.map((tool) => tool.name)
      )
      const failure = plan.find((step) => step._tag === "Fail")
      const spoken = failure === undefined ? plan : plan.slice(0, plan.indexOf(failure))
      const parts = paced(() => cues(request, spoken, failure === undefined), options.delay ?? zero)
      return failure === undefined ? parts : Stream.concat(parts, Stream.fail(failed(options.name, failure.reason)))
    })
})

const failed = (provider: string, reason: ProviderFault): ProviderError =>
  new ProviderError({ provider, reason, detail: `the demo model was told to fail with ${reason}` })

const zero = Duration.zero

/** A part, and how long to wait before it. */
interface Cue {
  readonly part: ProviderPart
  readonly pause: Duration.Duration
}

/** The most parts that are handed on together. */
const atMost = 1000

/** Each cue is made when its time comes; those that need not wait go with the one before. */
const paced = (cues: () => Iterator<Cue>, delay: Duration.Duration): Stream.Stream<ProviderPart> =>
  Stream.fromPull(
    Effect.sync(() => {
      const rest = cues()
      const waitFor = (cue: IteratorResult<Cue>) => (cue.done === true ? zero : Duration.sum(cue.value.pause, delay))
      let next = rest.next()
      const take = Effect.suspend(() => {
        if (next.done === true) return Cause.done()
        const parts: Arr.NonEmptyArray<ProviderPart> = [next.value.part]
        for (next = rest.next(); next.done !== true && parts.length < atMost; next = rest.next()) {
          if (!Duration.isZero(waitFor(next))) break
          parts.push(next.value.part)
        }
        return Effect.succeed(parts)
      })
      return Effect.suspend(() => {
        const wait = waitFor(next)
        return Duration.isZero(wait) ? take : Effect.delay(take, wait)
      })
    })
  )

function* cues(request: ProviderRequest, plan: Plan, complete: boolean): Generator<Cue> {
  const id = replyId(request.prompt)
  yield atOnce(Response.makePart("response-metadata", { id: `demo_${id}`, modelId: request.model }))
  for (const [index, step] of plan.entries()) yield* perform(step, index, id)
  if (complete) yield atOnce(finish(request.prompt, plan))
}

const atOnce = (part: ProviderPart): Cue => ({ part, pause: zero })

/** Grows with the conversation, so that no two replies of a session share it. */
const replyId = (prompt: Prompt.Prompt): string =>
  `${prompt.content.length}_${(Hash.string(JSON.stringify(prompt.content.slice(-2))) >>> 0).toString(36)}`

function* perform(step: Step, index: number, reply: string): Generator<Cue> {
  const id = String(index)
  switch (step._tag) {
    case "Think":
      yield atOnce(Response.makePart("reasoning-start", { id }))
      for (const delta of words(step.text)) yield atOnce(Response.makePart("reasoning-delta", { id, delta }))
      return yield atOnce(Response.makePart("reasoning-end", { id }))
    case "Say": {
      let pause = step.after ?? zero
      yield atOnce(Response.makePart("text-start", { id }))
      for (const delta of words(step.text)) {
        yield { part: Response.makePart("text-delta", { id, delta }), pause }
        pause = step.pause ?? zero
      }
      return yield atOnce(Response.makePart("text-end", { id }))
    }
    case "Call":
      return yield* call(`call_${reply}_${index}`, step.name, step.params).map(atOnce)
    case "Fail":
      return
  }
}

const call = (id: string, name: string, params: { readonly command: string }): ReadonlyArray<ProviderPart> => [
  Response.makePart("tool-params-start", { id, name, providerExecuted: false }),
  Response.makePart("tool-params-delta", { id, delta: JSON.stringify(params) }),
  Response.makePart("tool-params-end", { id }),
  Response.makePart("tool-call", { id, name, params, providerExecuted: false })
]

/** The text in pieces of one word each; together they are the text again. */
export function* words(text: string): Generator<string> {
  for (const [word] of text.matchAll(/\s*\S+(?:\s+$)?|\s+$/g)) yield word
}

const inputTokens = (prompt: Prompt.Prompt): number => tokens(JSON.stringify(prompt.content))

/** Usage is estimated: four characters to a token. */
const finish = (prompt: Prompt.Prompt, plan: Plan): ProviderPart => {
  const input = inputTokens(prompt)
  const reasoning = tokens(plan.map((step) => (step._tag === "Think" ? step.text : "")).join(""))
  const text = tokens(plan.map((step) => textOf(step)).join(""))
  return Response.makePart("finish", {
    reason: plan.some((step) => step._tag === "Call") ? "tool-calls" : "stop",
    usage: new Response.Usage({
      inputTokens: { uncached: input, total: input, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: text + reasoning, text, reasoning }
    })
  })
}

const textOf = (step: Step): string =>
  step._tag === "Say" ? step.text : step._tag === "Call" ? JSON.stringify(step.params) : ""

const tokens = (text: string): number => Math.ceil(text.length / 4)
