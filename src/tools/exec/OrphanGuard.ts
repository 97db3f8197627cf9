/**
 * Ends a process group when the service dies without being able to: killed, out of memory, crashed.
 *
 * The guard is a small shell in a session of its own, reading from a pipe whose other end the service holds. The
 * group's leader writes its id into that pipe, closes it and only then becomes the command, so there is no moment at
 * which a command runs unguarded. When the pipe closes and the guard has not been dismissed, it kills the group.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import type { Writable } from "node:stream"

/** The system could not start the guard, so nothing may be run. */
export class GuardUnavailable extends Schema.TaggedError<GuardUnavailable>()("GuardUnavailable", {}) {
  override get message() {
    return "the process that guards it could not be started"
  }
}

const watch = `read -r group && { read -r _ || kill -s KILL -- "-$group"; }`

/** A script for `sh -c`, with shell and command as $0 and $1 and the guard's pipe as descriptor 3. */
export const guarded = `echo $$ >&3; exec 3>&-; exec "$0" -c -- "$1"`

/** Starts a guard and returns the pipe to hand to the group's leader; its Scope dismisses the guard. */
export const makeGuard = Effect.suspend(() =>
  Effect.acquireRelease(Effect.sync(start), ({ guard, pipe }) =>
    Effect.sync(() => {
      guard.kill("SIGKILL")
      pipe.destroy()
    })
  )
).pipe(
  Effect.flatMap(({ guard, pipe }) =>
    guard.pid === undefined ? Effect.fail(new GuardUnavailable()) : Effect.succeed(pipe)
  )
)

const start = (): { readonly guard: ChildProcess; readonly pipe: Writable } => {
  const guard = spawn("/bin/sh", ["-c", watch], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  // Its failure to start shows in its missing pid; a write error cannot matter, as the service never writes.
  for (const emitter of [guard, guard.stdin]) emitter.on("error", () => undefined)
  return { guard, pipe: guard.stdin }
}
