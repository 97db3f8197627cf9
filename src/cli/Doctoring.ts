/** Examines an installation and tells what was found. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Option, Redacted } from "effect"
import { known } from "../app/Known.ts"
import { load } from "../config/ConfigLoader.ts"
import { type Environment, lookup } from "../config/Environment.ts"
import { render as renderFault } from "../config/Fault.ts"
import * as ThreadedDatabases from "../sessions/sql/ThreadedDatabases.ts"
import { Threads } from "../threads/Threads.ts"
import * as Doctor from "../upkeep/Doctor.ts"
import { type Finding, isSound, ok, problem, render, summary } from "../upkeep/Finding.ts"
import { ofNode } from "../upkeep/NodeFinding.ts"
import { ask } from "./Asking.ts"
import { environment, folders } from "./Options.ts"
import { Failed, print, say } from "./Output.ts"

/** The flags of `fiberclaw doctor`. */
export interface Given {
  readonly config: Option.Option<string>
  readonly data: Option.Option<string>
  readonly url: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted>
  readonly json: boolean
  readonly deep: boolean
}

/** Succeeds if nothing is wrong. */
export const run = Effect.fnUntraced(function* (given: Given) {
  const env = yield* environment
  const place = folders(given, env)
  const data = resolve(place.data)
  const configuration = yield* ofConfiguration(place.config, env)
  const examined = yield* Doctor.examine({
    data,
    deep: given.deep,
    tenants: configuration.tenants,
    tokenIsSet: Boolean(lookup(env, "FIBERCLAW_ADMIN_TOKEN")?.trim()),
    ask: ask({ data, url: given.url, token: given.token }, env),
    progress: say
  }).pipe(Effect.provide(Layer.provideMerge(ThreadedDatabases.layer, Threads.layer)))
  const findings = [ofNode(process.versions.node), ...configuration.findings, ...examined]
  const sound = isSound(findings)
  const text = [...findings.flatMap(render), "", summary(findings)].join("\n")
  yield* print(given.json ? JSON.stringify({ sound, findings }) : text)
  if (!sound) return yield* new Failed({ reason: summary(findings) })
}, Effect.scoped)

interface Configuration {
  readonly findings: ReadonlyArray<Finding>
  readonly tenants: ReadonlyArray<string> | undefined
}

const ofConfiguration = (folder: string, env: Environment) =>
  load(folder, env, known).pipe(
    Effect.map(
      ({ tenants }): Configuration => ({ findings: [ok(folder, "valid")], tenants: Array.from(tenants.keys()) })
    ),
    Effect.catchTag("ConfigInvalid", ({ faults }) => {
      const meaning = "the service does not start with it; one that runs keeps the last valid one"
      const findings = faults.map((fault) =>
        problem("configuration", renderFault(fault), meaning, "correct it; `fiberclaw check` says whether it is valid")
      )
      return Effect.succeed<Configuration>({ findings, tenants: undefined })
    })
  )
