import { threadId } from "node:worker_threads"
import { performer } from "../../src/threads/Job.ts"
import { act } from "./Act.ts"

export const perform = performer(act, ({ gate, what }) => {
  const numbers = gate && new Int32Array(gate)
  if (numbers) {
    Atomics.add(numbers, 0, 1)
    Atomics.notify(numbers, 0)
  }
  switch (what) {
    case "answer":
      return { thread: threadId, said: "hello" }
    case "throw":
      throw new Error("no such luck")
    case "loop":
      for (;;);
    case "exit":
      return process.exit(7)
    case "crash":
      process.nextTick(() => {
        throw new Error("out of the blue")
      })
      return { thread: threadId, said: "too late" }
    case "fill": {
      const kept: Array<string> = []
      for (let i = 0; ; i++) kept.push(`some text that is kept for ever ${i}`)
    }
    case "wait":
      if (numbers) Atomics.wait(numbers, 1, 0)
      return { thread: threadId, said: "waited" }
    case "lie":
      return { thread: 0.5, said: "not a whole number" }
    case "look":
      return { thread: threadId, said: Object.keys(process.env).join() }
  }
})
