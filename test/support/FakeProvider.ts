/**
 * A provider that answers what a test tells it to, request by request, and remembers what it was asked.
 *
 * When nothing more was told it answers "done".
 */
import { Deferred, Effect, Stream } from "effect"
import { Response } from "effect/ai"
import type { Provider, ProviderPart, ProviderRequest } from "../../src/providers/Provider.ts"
import { ProviderError, type ProviderFault } from "../../src/providers/ProviderError.ts"

export type Reply = Stream.Stream<ProviderPart, ProviderError>

/** A model that makes up its answer when it is asked. */
export const answering = (
  answer: (request: ProviderRequest) => Reply,
  more: Partial<Pick<Provider["Service"], "count" | "name">> = {}
): FakeProvider => {
  const requests: Array<ProviderRequest> = []
  const stream = (request: ProviderRequest) =>
    Stream.suspend(() => {
      requests.push(request)
      return answer(request)
    })
  return { requests, service: { name: "fake", models: ["model"], stream, ...more } }
}

export interface FakeProvider {
  readonly service: Provider["Service"]
  readonly requests: Array<ProviderRequest>
}

export const make = (replies: ReadonlyArray<Reply>, name = "fake"): FakeProvider => {
  const requests: Array<ProviderRequest> = []
  return {
    requests,
    service: {
      name,
      models: ["model"],
      stream: (request) =>
        Stream.suspend(() => {
          requests.push(request)
          return replies[requests.length - 1] ?? text("done")
        })
    }
  }
}

/** A place where something stops until the test lets it go on. */
export interface Gate {
  /** Waits until somebody stands at the gate. */
  readonly reached: Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** Waits until somebody at the gate was interrupted. */
  readonly left: Effect.Effect<void>
  readonly pass: Effect.Effect<void>
}

export const gate = (): Gate => {
  const [reached, opened, left] = [
    Deferred.makeUnsafe<void>(),
    Deferred.makeUnsafe<void>(),
    Deferred.makeUnsafe<void>()
  ]
  return {
    reached: Deferred.await(reached),
    open: Effect.asVoid(Deferred.succeed(opened, undefined)),
    left: Deferred.await(left),
    pass: Effect.andThen(
      Deferred.succeed(reached, undefined),
      Effect.onInterrupt(Deferred.await(opened), () => Deferred.succeed(left, undefined))
    )
  }
}

const usage = new Response.Usage({
  inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
})

const finish = (reason: Response.FinishReason) => Response.makePart("finish", { reason, usage })

/** A text, word by word. */
export const words = (said: string): Reply =>
  Stream.fromIterable<ProviderPart>([
    Response.makePart("text-start", { id: "1" }),
    ...(said.match(/\s*\S+/g) ?? []).map((delta) => Response.makePart("text-delta", { id: "1", delta })),
    Response.makePart("text-end", { id: "1" })
  ])

/** A whole answer. */
export const text = (said: string, reason: Response.FinishReason = "stop"): Reply =>
  Stream.concat(words(said), Stream.succeed(finish(reason)))

/** A whole answer, and what it is said to have taken. */
export const counted = (said: string, input: number, output: number): Reply => {
  const usage = new Response.Usage({
    inputTokens: { uncached: input, total: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 }
  })
  return Stream.concat(words(said), Stream.succeed(Response.makePart("finish", { reason: "stop", usage })))
}

/** Tools to be called, by the ids of the calls. */
export const calls = (named: Readonly<Record<string, { readonly tool: string; readonly text: string }>>): Reply =>
  Stream.fromIterable<ProviderPart>([
    ...Object.entries(named).map(([id, { text, tool: name }]) =>
      Response.makePart("tool-call", { id, name, params: { text }, providerExecuted: false })
    ),
    finish("tool-calls")
  ])

/** The reply, once the gate is open. */
export const behind = ({ pass }: Gate, reply: Reply): Reply => Stream.concat(Stream.fromEffectDrain(pass), reply)

/** `more`: what else is to be said of the fault. */
export const failing = (
  reason: ProviderFault,
  more: Omit<Partial<ConstructorParameters<typeof ProviderError>[0]>, "provider" | "reason"> = {}
): Reply => Stream.fail(new ProviderError({ provider: "fake", reason, detail: `told to fail with ${reason}`, ...more }))

/** A mistake in the provider's code. */
export const broken: Reply = Stream.die(new Error("the provider broke"))
