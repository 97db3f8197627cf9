/** Who runs right now: asked in the middle of a stretch that does not end, on the thread that is stuck in it. */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { Culprit } from "./Hold.ts"

/** What can be known without any cost to who is not asked: the current fiber, its innermost span, and the stack. */
export const witness = (): Culprit => {
  const fiber = Fiber.getCurrent()
  const at = placeIn(stack())
  if (fiber === undefined) return { fiber: undefined, span: undefined, at, annotations: {} }
  const span = Option.getOrUndefined(Context.getOption(fiber.context, Tracer.ParentSpan))
  return {
    fiber: fiber.id,
    span: span?._tag === "Span" ? span.name : undefined,
    at,
    annotations: { ...fiber.getRef(References.CurrentLogAnnotations) }
  }
}

/** Enough to look past what asks and past what belongs to Node.js; elsewhere the limit may be set to next to nothing. */
const frames = 20

const stack = (): string => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = frames
  const { stack: text = "" } = new Error()
  Error.stackTraceLimit = limit
  return text
}

/** The first place of a stack trace below the question (an evaluated expression) that is not JavaScript's or Node.js' own. */
export const placeIn = (trace: string): string | undefined => {
  const places = trace.split("\n").map((line) => line.trim().replace(/^at /, ""))
  const own = places.slice(places.findLastIndex((place) => /^(\(?eval |<anonymous>:\d)/.test(place)) + 1)
  return own.find((place) => !/\(?node:|\(<anonymous>\)$/.test(place)) ?? own[0]
}
