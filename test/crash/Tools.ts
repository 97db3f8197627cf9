/**
 * One tool of each effect class, named after it, that writes every run down in its tenant's folder as `<key> <text>`
 * and says where it is in between. Asked to hold, the first run of a key never ends by itself.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import * as Tool from "../../src/tools/Tool.ts"
import { pass } from "./Trap.ts"

const fileOf = (folder: string, effect: EffectClass) => join(folder, `${effect}.runs`)

/** The keys of a tool's runs of which the key begins like this, oldest first. */
export const runsOf = (folder: string, effect: EffectClass, beginning: string): ReadonlyArray<string> => {
  const file = fileOf(folder, effect)
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []
  return lines.filter((line) => line.startsWith(beginning))
}

/** The beginning of what a queryable tool answers when it is asked. */
export const asked = "Asked:"

/** The tools of the tenant that has this folder. */
export const tools = (folder: string): ReadonlyArray<Tool.Tool> =>
  EffectClass.literals.map((effect) => toolOf(folder, effect))

const toolOf = (folder: string, effect: EffectClass) =>
  Tool.make({
    name: effect,
    description: `Does something that is ${effect}`,
    parameters: Schema.Struct({ text: Schema.String }),
    prepare: ({ text }) => ({
      effect,
      dangerous: effect === "unsafe",
      summary: `${effect}: ${text}`,
      timeout: Duration.minutes(10),
      run: Effect.fnUntraced(function* ({ key }: Tool.ToolContext) {
        const at = { tenant: basename(folder), at: { tool: effect } }
        if (pass({ ...at, when: "before" })) return yield* Effect.never
        yield* Effect.sync(() => appendFileSync(fileOf(folder, effect), `${key}\n`))
        const isFirst = runsOf(folder, effect, key).length === 1
        if (pass({ ...at, when: "after" }) || (isFirst && text === "hold")) return yield* Effect.never
        return `${effect} has run`
      }),
      ...(effect === "queryable" && {
        query: ({ key }: Tool.ToolContext) =>
          Effect.sync(() => `${asked} it ${runsOf(folder, effect, key).length === 0 ? "never ran" : "has run"}.`)
      })
    })
  })
