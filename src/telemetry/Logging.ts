/**
 * Logs: one JSON object a line, or for people.
 *
 * Every entry has `timestamp`, `level`, `message`, `logger` and `fiber`, and whatever of `tenant`, `agent`,
 * `session` and `turn` it belongs to; inside a span also `traceId` and `spanId` (16 and 8 bytes in hex, W3C Trace
 * Context). Data are fields beside these; an error's cause, with its trace, is `cause`.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { LogLevel } from "effect"

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal"
  readonly format: "json" | "pretty"
}

/** An entry as an object: the fixed fields first, then the annotations. */
export const formatEntry = Logger.make((options: Logger.Options<unknown>) => {
  const { annotations, cause, fiberId, level, message, timestamp } = Logger.formatStructured.log(options)
  const fixed = { timestamp, level: level.toLowerCase(), message }
  const span = Option.getOrUndefined(Context.getOption(options.fiber.context, Tracer.ParentSpan))
  return {
    ...fixed,
    logger: "fiberclaw",
    fiber: fiberId,
    ...annotations,
    ...fixed,
    ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }),
    ...(cause === undefined ? {} : { cause })
  }
})

const levels: Record<LogOptions["level"], LogLevel.LogLevel> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  fatal: "Fatal"
}

const json = Logger.withConsoleLog(Logger.map(formatEntry, (entry) => JSON.stringify(entry)))

/** The loggers of a running service, on standard output. */
export const layer = ({ format, level }: LogOptions) =>
  Layer.mergeAll(
    Logger.layer([format === "json" ? json : Logger.consolePretty()]),
    Layer.succeed(References.MinimumLogLevel, levels[level])
  )
