/**
 * Settings from the command line and the environment: flag before environment before file before default.
 *
 * An empty variable counts as unset. A bad value is a fault that names the flag or the variable.
 */
import * as Result from "effect/Result"
import type { Schema } from "effect"
import { decode } from "./Decode.ts"
import { type Environment, lookup } from "./Environment.ts"
import { ConfigFault } from "./Fault.ts"
import { Port, Text } from "./Fields.ts"
import { LogFormat, LogLevel, type ServiceConfig } from "./ServiceConfig.ts"

/** What was given on the command line, as text or already read. */
export interface Flags {
  readonly host?: string | undefined
  readonly port?: string | number | undefined
  readonly logLevel?: string | undefined
  readonly logFormat?: string | undefined
}

export interface Overriding {
  readonly flags: Flags
  readonly env: Environment
}

interface Setting<A> {
  readonly flag: keyof Flags
  readonly variable: string
  readonly path: string
  readonly schema: Schema.Codec<A, unknown>
}

const host = { flag: "host", variable: "FIBERCLAW_HOST", path: "http.host", schema: Text } as const
const port = { flag: "port", variable: "FIBERCLAW_PORT", path: "http.port", schema: Port } as const
const level = { flag: "logLevel", variable: "FIBERCLAW_LOG_LEVEL", path: "log.level", schema: LogLevel } as const
const format = { flag: "logFormat", variable: "FIBERCLAW_LOG_FORMAT", path: "log.format", schema: LogFormat } as const

/** The service's configuration with what stands above the file, or every fault in that. */
export const override = (
  service: ServiceConfig,
  overriding: Overriding
): Result.Result<ServiceConfig, ReadonlyArray<ConfigFault>> => {
  const faults: Array<ConfigFault> = []
  const settle = <A>(setting: Setting<A>, current: A): A =>
    Result.getOrElse(read(setting, current, overriding), (fault) => {
      faults.push(fault)
      return current
    })
  const http = { ...service.http, host: settle(host, service.http.host), port: settle(port, service.http.port) }
  const log = { level: settle(level, service.log.level), format: settle(format, service.log.format) }
  return faults.length > 0 ? Result.fail(faults) : Result.succeed({ ...service, http, log })
}

const read = <A>(setting: Setting<A>, current: A, { env, flags }: Overriding): Result.Result<A, ConfigFault> => {
  const flag = flags[setting.flag]
  const variable = lookup(env, setting.variable)
  const value = flag ?? (variable === "" ? undefined : variable)
  if (value === undefined) return Result.succeed(current)
  const file = flag === undefined ? `environment variable ${setting.variable}` : `flag ${flagName(setting.flag)}`
  return Result.mapError(
    decode(setting.schema, { file, value, marks: new Map() }),
    ([fault]) => new ConfigFault({ file, problem: "is not valid", ...fault, path: setting.path })
  )
}

const flagName = (flag: keyof Flags) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

export interface Locations {
  /** The folder of the configuration. */
  readonly config: string
  /** The folder of everything the service keeps. */
  readonly data: string
}

/** Where the service's folders are: flag, then `FIBERCLAW_CONFIG` and `FIBERCLAW_DATA`, then `config` and `data`. */
export const locations = (flags: Partial<Locations>, env: Environment): Locations => ({
  config: flags.config ?? (lookup(env, "FIBERCLAW_CONFIG") || "config"),
  data: flags.data ?? (lookup(env, "FIBERCLAW_DATA") || "data")
})
