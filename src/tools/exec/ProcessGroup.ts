/**
 * Signals to a whole process group: the shell, what it started, and what that left in the background.
 *
 * A group is gone when none of its members can still act. Zombies cannot, but they keep the group's id alive until
 * somebody reaps them, which in a container without an init may be never; so on Linux /proc tells them apart.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { readdir, readFile } from "node:fs/promises"

/** How long a group may take to end by itself after SIGTERM. */
const grace = Duration.seconds(2)

/** How long the end of a killed group is waited for; a process in uninterruptible sleep may outlast it. */
const killWait = Duration.seconds(1)

const polling = Duration.millis(10)

/** State and process group from a line of /proc/<pid>/stat (proc_pid_stat(5)); the name before may hold anything. */
export const parseStat = (line: string): { readonly state: string; readonly group: number } => {
  const [state = "", , group = ""] = line.slice(line.lastIndexOf(")") + 2).split(" ")
  return { state, group: Number(group) }
}

const signal = (group: number, name: NodeJS.Signals | 0) =>
  Effect.isSuccess(Effect.try({ try: () => process.kill(-group, name), catch: () => "no such group" as const }))

const canAct = (group: number) => (pid: string) =>
  Effect.tryPromise(() => readFile(`/proc/${pid}/stat`, "utf8")).pipe(
    Effect.map(parseStat),
    Effect.map((stat) => stat.group === group && stat.state !== "Z" && stat.state !== "X"),
    Effect.orElseSucceed(() => false)
  )

/** Whether some process of the group can still act. */
export const isAlive = Effect.fnUntraced(function* (group: number) {
  if (!(yield* signal(group, 0))) return false
  const entries = yield* Effect.orElseSucceed(
    Effect.tryPromise(() => readdir("/proc")),
    () => []
  )
  const pids = entries.filter((entry) => /^\d+$/.test(entry))
  if (pids.length === 0) return true
  const able = yield* Effect.forEach(pids, canAct(group), { concurrency: 16 })
  return able.includes(true)
})

const gone = (group: number, within: Duration.Duration) =>
  isAlive(group).pipe(
    Effect.repeat({ until: (alive) => !alive, schedule: Schedule.spaced(polling) }),
    Effect.timeoutOption(within)
  )

/** Ends the group: SIGTERM, the grace, SIGKILL. Returns when it is gone; at once if it already is. */
export const terminate = Effect.fnUntraced(function* (group: number) {
  if (!(yield* isAlive(group))) return
  yield* signal(group, "SIGTERM")
  yield* gone(group, grace)
  if (yield* signal(group, "SIGKILL")) yield* gone(group, killWait)
})
