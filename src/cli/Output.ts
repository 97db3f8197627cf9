/** What commands print: results on stdout, everything else on stderr. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The command failed and has said why on stderr. */
export class Failed extends Schema.TaggedError<Failed>()("Failed", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** Prints a result. A failure that follows ends the process, so this waits until whoever reads it has it all. */
export const print = (text: string): Effect.Effect<void> =>
  Effect.callback((resume) => void process.stdout.write(`${text}\n`, () => resume(Effect.void)))

/** Says something to the person. */
export const say = (text: string) => Console.error(text)

/** Whoever read our output may go; a service goes on without, and `fiberclaw … | head` is no failure. */
export const surviveClosedPipes: Effect.Effect<void> = Effect.sync(() => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)
})

/** Says why, and ends the command with exit code 1. */
export const fail = (reason: string): Effect.Effect<never, Failed> =>
  Effect.andThen(say(reason), Effect.fail(new Failed({ reason })))
