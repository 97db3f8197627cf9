import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger, Schema } from "effect"
import { TestConsole } from "effect/testing"
import * as Logging from "../../src/telemetry/Logging.ts"

type Entry = Readonly<Record<string, unknown>>

/** The entries that an effect logs, as objects. */
const entriesOf = Effect.fnUntraced(function* (logging: Effect.Effect<unknown>) {
  const entries: Array<Entry> = []
  const keep = Logger.map(Logging.formatEntry, (entry) => void entries.push(entry))
  yield* Effect.exit(Effect.provide(logging, Logger.layer([keep])))
  return entries
})

/** The lines that an effect writes to standard output. */
const linesOf = (options: Logging.LogOptions, logging: Effect.Effect<unknown>) =>
  Effect.andThen(Effect.provide(logging, Logging.layer(options)), TestConsole.logLines)

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))

class DiskFull extends Schema.TaggedError<DiskFull>()("DiskFull", {}) {
  override get message() {
    return "the disk is full"
  }
}

describe("an entry", () => {
  it.effect("has the fields that every entry has, and its data beside them", () =>
    Effect.gen(function* () {
      const logging = Effect.annotateLogs(Effect.logInfo("turn ended"), { tenant: "default", turn: "t", steps: 3 })
      const [entry] = yield* entriesOf(logging)
      const { fiber, ...rest } = entry ?? {}
      assert.isDefined(fiber)
      assert.deepStrictEqual(rest, {
        timestamp: "1970-01-01T00:00:00.000Z",
        level: "info",
        message: "turn ended",
        logger: "fiberclaw",
        tenant: "default",
        turn: "t",
        steps: 3
      })
    })
  )

  it.effect("inside a span says which", () =>
    Effect.gen(function* () {
      const [inside, outside] = yield* entriesOf(
        Effect.andThen(Effect.withSpan(Effect.logInfo("inside"), "Test.span"), Effect.logInfo("outside"))
      )
      assert.isString(inside?.["traceId"])
      assert.isString(inside?.["spanId"])
      assert.notProperty(outside, "traceId")
    })
  )

  it.effect("about a failure holds its cause", () =>
    Effect.gen(function* () {
      const failing = Exit.fail(new DiskFull())
      const [entry] = yield* entriesOf(
        Effect.logError("append failed", Exit.isFailure(failing) ? failing.cause : Cause.empty)
      )
      assert.strictEqual(entry?.["message"], "append failed")
      assert.include(String(entry?.["cause"]), "the disk is full")
    })
  )
})

describe("the log", () => {
  it.effect("is one JSON object a line, whatever is in it", () =>
    Effect.gen(function* () {
      const text = 'two\nlines and a "quote"'
      const lines = yield* linesOf(
        { format: "json", level: "info" },
        Effect.andThen(Effect.logInfo(text), Effect.annotateLogs(Effect.logWarning("second"), { detail: text }))
      )
      const entries = lines.map((line) => Schema.decodeUnknownSync(Line)(line))
      assert.deepStrictEqual(
        entries.map(({ level, message }) => [level, message]),
        [
          ["info", text],
          ["warn", "second"]
        ]
      )
      assert.strictEqual(entries[1]?.["detail"], text)
    })
  )

  for (const [level, shown] of [
    ["trace", 6],
    ["debug", 5],
    ["info", 4],
    ["warn", 3],
    ["error", 2],
    ["fatal", 1]
  ] as const) {
    it.effect(`at level ${level} shows what is at least that`, () =>
      Effect.gen(function* () {
        const all = [
          Effect.logTrace,
          Effect.logDebug,
          Effect.logInfo,
          Effect.logWarning,
          Effect.logError,
          Effect.logFatal
        ]
        const lines = yield* linesOf(
          { format: "json", level },
          Effect.forEach(all, (log) => log("said"))
        )
        assert.lengthOf(lines, shown)
      })
    )
  }

  it.effect("for people is not JSON", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf({ format: "pretty", level: "info" }, Effect.logInfo("turn ended"))
      assert.include(lines.join("\n"), "turn ended")
      assert.throws(() => Schema.decodeUnknownSync(Line)(lines[0]))
    })
  )
})
