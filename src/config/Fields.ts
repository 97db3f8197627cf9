/**
 * The values a configuration is made of.
 *
 * Each knows how to say what it expects, in words a person can act on, and reads numbers and truth values from
 * text as well, because that is what a placeholder leaves: `port: ${PORT:-4000}`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { slug, slugText } from "../domain/Ids.ts"

interface Meaning {
  /** Completes "expected …". */
  readonly expected: string
  /** The whole list of what may stand here, for guesses at what was meant. */
  readonly choices?: ReadonlyArray<string>
  /** What stands here is never shown. */
  readonly secret?: boolean
  /** Reads text as what it stands for. */
  readonly fromText?: (text: string) => unknown
}

/** A value of a file: decoded by `type`, and when that fails, one issue that carries its `Meaning`. */
export const field = <T, E>(meaning: Meaning, type: Schema.Codec<T, E>) => {
  const { fromText, ...annotations } = meaning
  const read = Schema.decodeUnknownOption(type)
  const written = (value: unknown) => (typeof value === "string" && fromText !== undefined ? fromText(value) : value)
  const refuse = () => Effect.fail(new SchemaIssue.InvalidValue(annotations))
  return Schema.Unknown.pipe(
    Schema.decodeTo(Schema.toType(type), {
      decode: SchemaGetter.transformEffect((value: unknown) =>
        Option.match(read(written(value)), { onNone: refuse, onSome: Effect.succeed })
      ),
      encode: SchemaGetter.transform((value: T): unknown => Schema.encodeSync(type)(value))
    })
  )
}

/** What a field is when the file does not have it. */
export const otherwise = <S extends Schema.Constraint>(value: S["Type"]) =>
  Schema.withDecodingDefaultTypeKey<S>(Effect.succeed(value))

/** A mapping that the file may leave out, because every field in it has its own default. */
export const section = <S extends Schema.Codec<unknown, unknown>>(fields: S) =>
  fields.pipe(otherwise<S>(Schema.decodeUnknownSync(fields)({})))

const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const numberFromText = (text: string): unknown => (numeral.test(text) ? Number(text) : text)
/** Reads `true` and `false`; other text stays text. */
export const booleanFromText = (text: string): unknown => (text === "true" ? true : text === "false" ? false : text)

/** `true` or `false`. */
export const Flag = field({ expected: "true or false", fromText: booleanFromText }, Schema.Boolean)

/** A whole number of at least `minimum`. */
export const count = (minimum: number) =>
  field(
    { expected: `a whole number, ${minimum} or more`, fromText: numberFromText },
    Schema.Int.check(Schema.isBetween({ minimum, maximum: Number.MAX_SAFE_INTEGER }))
  )

/** An amount of money in US dollars, 0 or more. */
export const Dollars = field(
  { expected: "an amount in US dollars, 0 or more", fromText: numberFromText },
  Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
)

/** A share above 0 and at most 1. */
export const Share = field(
  { expected: "a number above 0 and at most 1", fromText: numberFromText },
  Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))
)

/** A TCP port; 0 lets the operating system choose. */
export const Port = field({ expected: "a port number (0 to 65535)", fromText: numberFromText }, Schema.Port)

/** Text that is not empty. */
export const Text = field({ expected: "text that is not empty" }, Schema.String.check(Schema.isPattern(/\S/)))

/** One of some words. */
export const choice = <const Words extends ReadonlyArray<string>>(words: Words) =>
  field({ expected: `one of ${words.join(", ")}`, choices: words }, Schema.Literals(words))

/** A finite time, 0 or longer, such as `30 seconds`. */
export const Time = field(
  { expected: 'a time such as "30 seconds" or "500 millis"' },
  Schema.DurationFromString.check(
    Schema.makeFilter((time) => Duration.isFinite(time) && Duration.isGreaterThanOrEqualTo(time, Duration.zero))
  )
)

/** A finite time that is longer than none: what is waited for something before it is given up. */
export const TimeLimit = field(
  { expected: 'a time above 0 such as "2 minutes"' },
  Schema.DurationFromString.check(
    Schema.makeFilter((time) => Duration.isFinite(time) && Duration.isGreaterThan(time, Duration.zero))
  )
)

/** An address of a service. One with a password in it is refused: addresses are shown, secrets are not. */
export const Address = field(
  { expected: "an http or https URL without a user or password in it" },
  Schema.URLFromString.check(
    Schema.makeFilter((url) => /^https?:$/.test(url.protocol) && url.username === "" && url.password === "")
  )
)

/** A secret; redacted as soon as it is read. It may be empty. */
export const Secret = field({ expected: "text", secret: true }, Schema.RedactedFromValue(Schema.String))

/** No secret. */
export const noSecret = Redacted.make("")

/** The name a provider or channel has in its tenant's file. */
export const Name = Schema.String.check(Schema.isPattern(slug, { expected: slugText }))
