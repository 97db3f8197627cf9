/** Flags that several commands share, each with the variable that stands behind it. */
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { Environment } from "../config/Environment.ts"
import { lookup } from "../config/Environment.ts"

export const environment: Effect.Effect<Environment> = Effect.sync(() => process.env)

const behind = (flag: Option.Option<string>, env: Environment, name: string, otherwise: string) =>
  Option.getOrElse(flag, () => lookup(env, name) || otherwise)

export const configFlag = Flag.optional(
  Flag.String("config").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("The folder with fiberclaw.yaml and tenants/ (FIBERCLAW_CONFIG, default: config)")
  )
)

export const dataFlag = Flag.optional(
  Flag.String("data").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("The folder in which everything is kept (FIBERCLAW_DATA, default: data)")
  )
)

export const configFolder = (flag: Option.Option<string>, env: Environment) =>
  behind(flag, env, "FIBERCLAW_CONFIG", "config")

export const dataFolder = (flag: Option.Option<string>, env: Environment) => behind(flag, env, "FIBERCLAW_DATA", "data")

export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON document instead of text"),
  Flag.withDefault(false)
)
