/**
 * One simple tool of each effect class, named after it. Every run first appends a line to `<folder>/<name>.runs`, so
 * that runs can be counted even across processes that were killed in the middle of one.
 */
import { Duration, Effect, Schema } from "effect"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { AgentId, CallId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import * as Tool from "../../src/tools/Tool.ts"

export interface CountingOptions {
  /** Where the runs are written down. */
  readonly folder: string
  /** What a run does after it has been written down: `Effect.never` to be cut off, a gate, a failure. */
  readonly afterwards?: Effect.Effect<void, Tool.ToolFailed>
}

const fileOf = (folder: string, effect: EffectClass) => join(folder, `${effect}.runs`)

/** The runs of a tool so far, as `<key> <text>`, oldest first. */
export const runsOf = (folder: string, effect: EffectClass): ReadonlyArray<string> => {
  const file = fileOf(folder, effect)
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []
}

/** Answers `<name> got <text>`; dangerous only when `unsafe`. */
export const countingTool = (effect: EffectClass, options: CountingOptions): Tool.Tool =>
  Tool.make({
    name: effect,
    description: `Counts its runs; ${effect}`,
    parameters: Schema.Struct({ text: Schema.String.annotate({ description: "Anything" }) }),
    prepare: ({ text }) => ({
      effect,
      dangerous: effect === "unsafe",
      summary: `${effect}: ${text}`,
      timeout: Duration.minutes(1),
      run: Effect.fnUntraced(function* ({ key }: Tool.ToolContext) {
        yield* Effect.sync(() => appendFileSync(fileOf(options.folder, effect), `${key} ${text}\n`))
        yield* options.afterwards ?? Effect.void
        return `${effect} got ${text}`
      }),
      ...(effect === "queryable" && {
        query: ({ key }: Tool.ToolContext) =>
          Effect.sync(() => {
            const runs = runsOf(options.folder, effect).filter((run) => run.startsWith(`${key} `))
            return `${runs.length} runs with this key`
          })
      })
    })
  })

/** All four of them. */
export const countingTools = (options: CountingOptions): ReadonlyArray<Tool.Tool> =>
  EffectClass.literals.map((effect) => countingTool(effect, options))

/** A caller; every part may be chosen. */
export const toolContext = (parts?: Partial<Tool.ToolContext>): Tool.ToolContext => ({
  agent: AgentId.make("main"),
  session: SessionId.make("session-1"),
  turn: TurnId.make("turn-1"),
  call: CallId.make("call-1"),
  key: "key-1",
  ...parts
})
