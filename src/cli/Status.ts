/** Finds out how a running service is, and shows it once or as it changes. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { lookup } from "../config/Environment.ts"
import { type Client, type ClientOptions, connect } from "./Client.ts"
import { environment } from "./Options.ts"
import { Failed, fail, print } from "./Output.ts"
import { coloured, colourless, draw, type Status } from "./StatusDrawing.ts"
import { watch } from "./StatusWatch.ts"

/** The flags of `fiberclaw status`. */
export interface Given extends ClientOptions {
  readonly json: boolean
  readonly watch: boolean
}

/** Succeeds if the service is ready. */
export const run = Effect.fnUntraced(function* (given: Given) {
  const client = yield* connect(given)
  const env = yield* environment
  const paint = process.stdout.isTTY && !lookup(env, "NO_COLOR") ? coloured : colourless
  if (given.watch) return yield* watch({ client, paint, json: given.json, around: around(client) })
  const tree = yield* client.operations
    .tree({ query: {}, headers: {} })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (Stream.isStream(tree)) return yield* fail("the service streams its tree unasked")
  const { now, ...facts } = yield* around(client)
  const status: Status = { ...facts, tree }
  const width = process.stdout.isTTY ? { width: process.stdout.columns } : {}
  yield* print(given.json ? JSON.stringify(status) : draw(status, { now, paint, ...width }).join("\n"))
  if (!status.ready) return yield* new Failed({ reason: status.reasons.join("; ") })
}, Effect.scoped)

/** Everything but the tree, and what time it is there. */
const around = Effect.fnUntraced(
  function* (client: Client) {
    const { timestamp, uptimeSeconds, version } = yield* client.system.health()
    const reasons = yield* client.system.ready().pipe(
      Effect.as<ReadonlyArray<string>>([]),
      Effect.catchTag("NotReady", (problem) => Effect.succeed(problem.reasons))
    )
    const { tenants } = yield* client.tenants.tenants()
    const views = tenants.map(({ id, providers, state, use }) => ({
      id,
      state,
      ...(use && { use }),
      ...(providers && { providers })
    }))
    return { now: Date.parse(timestamp), version, uptimeSeconds, ready: reasons.length === 0, reasons, tenants: views }
  },
  Effect.catch((error) => fail(error.message))
)
