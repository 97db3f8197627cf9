/**
 * A process that reads many answers of a model at once: `node Reading.ts ours|plain COUNT URL PACE`.
 *
 * `ours` reads them through the provider as the service has it, `plain` with `fetch` alone, down to their bytes. Says how
 * late its event loop was meanwhile, in milliseconds, how long that took and how much of a core it needed.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Duration, Effect, Redacted, Stream } from "effect"
import { Prompt } from "effect/ai"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import { say } from "../kernel/Readings.ts"

const [, , contestant = "ours", count = "1", url = "", pace = ""] = process.argv

/** How late the loop is beyond the interval at which it is looked at, in milliseconds. */
const resolution = 1

const plain = async (text: string) => {
  const body = JSON.stringify({
    model: "bench",
    max_tokens: 1024,
    stream: true,
    messages: [{ role: "user", content: text }]
  })
  const headers = { "content-type": "application/json" }
  const response = await fetch(`${url}/v1/messages`, { method: "POST", body, headers })
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.length
  return bytes
}

const provider = Effect.runSync(
  AnthropicProvider.make({
    name: "anthropic",
    apiKey: Redacted.make("bench"),
    baseUrl: url,
    retry: { attempts: 1, base: Duration.seconds(1), cap: Duration.seconds(1) }
  })
)

const ours = (text: string) =>
  Effect.runPromise(
    Stream.runFold(
      provider.stream({ model: "bench", prompt: Prompt.make(text), tools: [], maxTokens: 1024 }),
      () => 0,
      (length, part) => length + (part.type === "text-delta" ? part.delta.length : 0)
    )
  )

const read = contestant === "ours" ? ours : plain
const all = (streams: number, text: string) => Promise.all(Array.from({ length: streams }, () => read(text)))

// What a process compiles first is not what is asked about.
for (let round = 0; round < 10; round++) await all(50, "pace: 20 x 1")

const delay = monitorEventLoopDelay({ resolution })
const begun = performance.now()
const cpu = process.cpuUsage()
delay.enable()
const lengths = await all(Number(count), pace)
delay.disable()
const { system, user } = process.cpuUsage(cpu)
const elapsed = performance.now() - begun
if (new Set(lengths).size !== 1) throw new Error("answers differ in length")
say({
  p99: Math.max(0, delay.percentile(99) / 1e6 - resolution),
  max: delay.max / 1e6 - resolution,
  seconds: elapsed / 1000,
  load: (user + system) / 1000 / elapsed
})
process.exit()
