/**
 * Runs one command through a shell in its own process group and ends the whole group, however the run ends: the
 * shell's exit, the time limit, interruption, or the death of the service itself.
 *
 * What a command leaves in the background does not outlive it: after the shell has exited, its output is awaited
 * for a moment, then the rest of the group is ended. Output is bounded while it streams.
 */
import type { Duration, Scope } from "effect"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import type { Writable } from "node:stream"
import type { GuardUnavailable } from "./OrphanGuard.ts"
import { guarded, makeGuard } from "./OrphanGuard.ts"
import { OutputCapture } from "./OutputCapture.ts"
import { openPipe } from "./OutputPipe.ts"
import type { OutputPipe, PipeUnavailable } from "./OutputPipe.ts"
import { terminate } from "./ProcessGroup.ts"

export interface CommandRequest {
  /** A POSIX shell; it is given the command as one argument. */
  readonly shell: string
  readonly command: string
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  readonly limit: Duration.Duration
}

/** How the shell ended. */
export type CommandEnding = Data.TaggedEnum<{
  Exited: { readonly code: number }
  Killed: { readonly signal: NodeJS.Signals }
  /** It was still running at its time limit. */
  Stopped: Record<never, never>
}>
export const CommandEnding = Data.taggedEnum<CommandEnding>()

export interface CommandResult {
  readonly ending: CommandEnding
  /** stdout and stderr in the order written: all of it, or its head and tail of 24 KiB each. */
  readonly output: string
}

/** The system could not start the shell; `reason` is its own. */
export class ShellNotStarted extends Schema.TaggedError<ShellNotStarted>()("ShellNotStarted", {
  shell: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.shell} could not be started: ${this.reason}`
  }
}

const keptBytes = 24 * 1024

/** How long output that is still open is waited for once nothing can be expected any more. */
const moment = "250 millis"

/** Runs the command and returns when its whole group has ended. */
export const runCommand: (
  request: CommandRequest
) => Effect.Effect<CommandResult, ShellNotStarted | GuardUnavailable | PipeUnavailable> = Effect.fnUntraced(function* (
  request
) {
  const capture = new OutputCapture(keptBytes, keptBytes)
  const pipe = yield* openPipe((chunk) => capture.add(chunk))
  const guard = yield* makeGuard
  const ending = yield* Effect.scoped(runGroup(request, pipe, guard))
  yield* Effect.timeoutOption(pipe.ended, moment)
  return { ending, output: capture.text }
}, Effect.scoped)

/** Ends with the group: its Scope terminates what is left of it. */
const runGroup = Effect.fnUntraced(function* (request: CommandRequest, pipe: OutputPipe, guard: Writable) {
  const ended = yield* startGroup(request, pipe, guard)
  yield* pipe.closeWritable
  const ending = yield* Effect.timeoutOption(ended, request.limit)
  if (Option.isNone(ending)) return CommandEnding.Stopped()
  yield* Effect.timeoutOption(pipe.ended, moment)
  return ending.value
})

const startGroup = (
  request: CommandRequest,
  pipe: OutputPipe,
  guard: Writable
): Effect.Effect<Effect.Effect<CommandEnding, ShellNotStarted>, ShellNotStarted, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => spawnGroup(request, pipe.writable, guard), catch: notStarted(request) }),
    ({ group }) => (group === undefined ? Effect.void : terminate(group))
  ).pipe(Effect.map(({ ended }) => ended))

const notStarted = (request: CommandRequest) => (cause: unknown) =>
  new ShellNotStarted({ shell: request.shell, reason: cause instanceof Error ? cause.message : String(cause) })

// effect/process tells a signal only inside an error's sentence and waits out zombies nobody reaps on every call.
const spawnGroup = (request: CommandRequest, output: number, guard: Writable) => {
  const ended = Deferred.makeUnsafe<CommandEnding, ShellNotStarted>()
  const child = spawn(request.shell, ["-c", guarded, request.shell, request.command], {
    cwd: request.folder,
    env: request.environment,
    detached: true,
    stdio: ["ignore", output, output, guard]
  })
  child.on("error", (error) => Deferred.doneUnsafe(ended, Exit.fail(notStarted(request)(error))))
  child.on("exit", (code, signal) => {
    const ending = signal === null ? CommandEnding.Exited({ code: code ?? 0 }) : CommandEnding.Killed({ signal })
    Deferred.doneUnsafe(ended, Exit.succeed(ending))
  })
  return { group: child.pid, ended: Deferred.await(ended) }
}
