/** A job that does whatever a test wants of a thread. */
import { Schema } from "effect"
import * as Job from "../../src/threads/Job.ts"

/** Memory that both sides see: the first number counts how many have begun, the second lets them end. */
export const Gate = Schema.instanceOf(SharedArrayBuffer)

export const act = Job.make({
  name: "act",
  module: new URL("./ActWork.ts", import.meta.url),
  input: Schema.Struct({
    what: Schema.Literals(["answer", "throw", "loop", "exit", "crash", "fill", "wait", "lie", "look"]),
    gate: Schema.optionalKey(Gate)
  }),
  output: Schema.Struct({ thread: Schema.Int, said: Schema.String })
})

export const missing = Job.make({ ...act, name: "missing", module: new URL("./Nowhere.ts", import.meta.url) })
