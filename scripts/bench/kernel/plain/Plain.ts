/** One workload on actors written by hand, in a process of its own: `node Plain.ts WORKLOAD SIZE...`. */
import { asked, type Readings, say } from "../Readings.ts"
import { crashes, together } from "./Crashes.ts"
import { messages } from "./Messages.ts"
import { neighbours } from "./Neighbours.ts"
import { memory, million, starts } from "./Starts.ts"

type Workload = (...sizes: ReadonlyArray<number>) => Promise<Readings>

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
const workload = workloads.get(name)
if (workload === undefined) throw new Error(`there is no workload ${name}`)
say(await workload(...sizes))
