/**
 * A pure function that runs in a worker thread, described for both sides.
 *
 * The description names a module that only threads load; that module exports `perform`, made by `performer`. What goes
 * in and what comes out crosses as the encoded form of a schema, is copied as the structured clone algorithm does, and
 * is decoded where it arrives. Decoding stops whoever does it: a job should answer with little, or with plain text.
 */
import * as Schema from "effect/Schema"

export interface Job<Input, Output> {
  /** For errors, logs and spans. */
  readonly name: string
  /** The module that exports `perform`: `new URL("./….ts", import.meta.url)`. */
  readonly module: URL
  readonly input: Schema.Codec<Input, unknown>
  readonly output: Schema.Codec<Output, unknown>
}

/** The description, its types taken from the schemas. */
export const make = <Input, Output>(job: Job<Input, Output>): Job<Input, Output> => job

/**
 * What a job's module exports as `perform`. Throws, as `run` may: the job then fails with the message, and the thread
 * lives on.
 */
export const performer = <Input, Output>(
  job: Job<Input, Output>,
  run: (input: Input) => Output
): ((message: unknown) => unknown) => {
  const decode = Schema.decodeUnknownSync(job.input)
  const encode = Schema.encodeSync(job.output)
  return (message) => encode(run(decode(message)))
}
