/** One workload on the kernel, in a process of its own: `node Ours.ts WORKLOAD SIZE...`. */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type { Scope } from "effect"
import { asked, type Readings, say } from "../Readings.ts"
import { crashes, together } from "./Crashes.ts"
import { messages } from "./Messages.ts"
import { neighbours } from "./Neighbours.ts"
import { memory, million, starts } from "./Starts.ts"

type Workload = (...sizes: ReadonlyArray<number>) => Effect.Effect<Readings, unknown, Scope.Scope>

const workloads = new Map(
  Object.entries<Workload>({
    starts: (count = 0) => starts(count),
    memory: (count = 0) => memory(count),
    messages: (times = 0, crowd = 0) => messages(times, crowd),
    crashes: (times = 0, over = 0) => crashes(times, over),
    together: (count = 0) => together(count),
    million: (count = 0) => million(count),
    neighbours: (count = 0, doomed = 0, seconds = 0) => neighbours(count, doomed, seconds)
  })
)

const [name, ...sizes] = asked()
const work = workloads.get(name)?.(...sizes) ?? Effect.die(new Error(`there is no workload ${name}`))

// Crashes are logged by nobody's bench: writing thousands of lines would be what is measured.
await Effect.runPromise(
  Effect.scoped(Effect.map(work, say)).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
)
