/** Flags that several commands share, each with the variable that stands behind it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import type { Environment } from "../config/Environment.ts"
import { locations } from "../config/Overrides.ts"

export const environment: Effect.Effect<Environment> = Effect.sync(() => process.env)

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

/** What finds a running service, and lets in. */
export const clientFlags = {
  data: dataFlag,
  url: Flag.optional(
    Flag.String("url").pipe(
      Flag.withDescription("Where the service is (default: what the service wrote into its data folder)")
    )
  ),
  token: Flag.optional(
    Flag.Redacted("token").pipe(
      Flag.withDescription("An access token (FIBERCLAW_ADMIN_TOKEN, default: the administrator's in the data folder)")
    )
  )
}

/** Where the folders are, by flag, variable or default. */
export const folders = (
  flags: { readonly config?: Option.Option<string>; readonly data?: Option.Option<string> },
  env: Environment
) => {
  const config = Option.getOrUndefined(flags.config ?? Option.none())
  const data = Option.getOrUndefined(flags.data ?? Option.none())
  return locations({ ...(config === undefined ? {} : { config }), ...(data === undefined ? {} : { data }) }, env)
}

export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON instead of text: one document, or a line for each event"),
  Flag.withDefault(false)
)
