/**
 * A plain Node.js process that holds unfinished answers of a model, to compare with: `node Held.ts COUNT [URL]`.
 *
 * With the URL of a model each is a stream that the official client has open and has read the beginning of; without one
 * it is a fiber of Effect that sleeps. Says by how many MiB its memory has grown.
 */
import { readFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import * as Effect from "effect/Effect"

const [, , count = "1", url] = process.argv

const resident = () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024

const connected = async (baseURL: string) => {
  const { Anthropic } = await import("@anthropic-ai/sdk")
  const client = new Anthropic({ apiKey: "bench", authToken: null, baseURL, maxRetries: 0 })
  return async () => {
    const messages = [{ role: "user" as const, content: "hold" }]
    const stream = await client.messages.create({ model: "bench", max_tokens: 4096, messages, stream: true })
    const events = stream[Symbol.asyncIterator]()
    // The beginning of the message, that of its text, and some text.
    for (let event = 0; event < 3; event++) await events.next()
    void events.next()
  }
}

const asleep = async () => {
  Effect.runFork(Effect.sleep("1 hour"))
}

const hold = url === undefined ? asleep : await connected(url)
await wait(2000)
const idle = resident()
const indices = Array.from({ length: Number(count) }).keys()
const worker = async () => {
  for (const _ of indices) await hold()
}
await Promise.all(Array.from({ length: 64 }, worker))
await wait(3000)
console.log(resident() - idle)
process.exit()
