/**
 * What holds for the whole service: the file `fiberclaw.yaml`.
 *
 * Every field has a default, so the file may be empty or absent.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { booleanFromText, choice, count, field, Flag, otherwise, Port, section, Text, Time } from "./Fields.ts"

/** The least severe messages that are logged. */
export const LogLevel = choice(["trace", "debug", "info", "warn", "error", "fatal"])
export type LogLevel = typeof LogLevel.Type

/** `json`: one object per line. `pretty`: for people. */
export const LogFormat = choice(["json", "pretty"])
export type LogFormat = typeof LogFormat.Type

const TrustedProxy = field(
  { expected: "true, false or the address of a proxy", fromText: booleanFromText },
  Schema.Union([Schema.Boolean, Schema.NonEmptyString])
)

const HttpConfig = Schema.Struct({
  /** The address to listen on. Beyond loopback needs `trustedProxy` or `insecure`. */
  host: Text.pipe(otherwise("127.0.0.1")),
  /** The port to listen on; 0 lets the operating system choose. */
  port: Port.pipe(otherwise(4000)),
  /** A proxy in front of the service terminates TLS: `true`, or its address for whoever reads the file. */
  trustedProxy: Schema.optionalKey(TrustedProxy),
  /** Host names the service answers to beside loopback names, addresses and `host`: what a proxy passes on. */
  hosts: Schema.Array(Text).pipe(otherwise([])),
  /** Listens beyond loopback without TLS, on the owner's own risk. */
  insecure: Schema.optionalKey(Flag),
  /** The largest request body, in bytes. */
  maxBodyBytes: count(1).pipe(otherwise(1_048_576))
})

const LogConfig = Schema.Struct({
  level: LogLevel.pipe(otherwise("info")),
  format: LogFormat.pipe(otherwise("json"))
})

export const ServiceConfig = Schema.Struct({
  http: section(HttpConfig),
  log: section(LogConfig),
  /** How long a stop waits for running turns. */
  drain: Time.pipe(otherwise(Duration.seconds(30)))
})
export type ServiceConfig = typeof ServiceConfig.Type
