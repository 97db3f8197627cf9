/**
 * `fiberclaw` as a child process, the way a person starts it. A child that is still running when the test's scope
 * closes is killed.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Queue, Stream } from "effect"

const script = fileURLToPath(new URL("../../scripts/fiberclaw.js", import.meta.url))

export interface CommandOptions {
  /** What is piped in; nothing if not given. */
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Ending {
  /** The exit code, or the signal that ended it. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCommand {
  readonly pid: number
  /** The next lines on stdout up to one that includes this text. */
  logged(text: string): Effect.Effect<ReadonlyArray<string>>
  /** Writes into its stdin. */
  type(text: string): Effect.Effect<void>
  signal(name: NodeJS.Signals): Effect.Effect<void>
  readonly ending: Effect.Effect<Ending>
}

/** Without what the machine's own environment may say about fiberclaw. */
const environment = (env: CommandOptions["env"]) => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(FIBERCLAW_|NODE_OPTIONS|VITEST)/.test(name))
  ),
  ...env
})

const ended = (child: ChildProcess, out: () => string, err: () => string) =>
  Effect.callback<Ending>((resume) => {
    child.on("close", (code, signal) =>
      resume(Effect.succeed({ code: code ?? signal ?? "?", stdout: out(), stderr: err() }))
    )
  })

/** Starts it. Stdin stays open unless a text for it is given. */
export const start = Effect.fnUntraced(function* (args: ReadonlyArray<string>, options: CommandOptions = {}) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [script, ...args], { env: environment(options.env), stdio: "pipe" })),
    (running) => Effect.sync(() => running.exitCode ?? running.signalCode ?? running.kill("SIGKILL"))
  )
  const lines = yield* Queue.unbounded<string>()
  const ending = yield* Deferred.make<Ending>()
  let stdout = ""
  let stderr = ""
  let line = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
    const parts = (line + text).split("\n")
    line = parts.pop() ?? ""
    Queue.offerAllUnsafe(lines, parts)
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  yield* Effect.forkScoped(
    Effect.flatMap(
      ended(
        child,
        () => stdout,
        () => stderr
      ),
      (end) => Deferred.succeed(ending, end)
    ),
    {
      startImmediately: true
    }
  )
  if (options.stdin !== undefined) child.stdin.end(options.stdin)
  const running: RunningCommand = {
    pid: child.pid ?? 0,
    logged: (text) => Stream.runCollect(Stream.takeUntil(Stream.fromQueue(lines), (found) => found.includes(text))),
    type: (text) => Effect.sync(() => child.stdin.write(text)),
    signal: (name) => Effect.sync(() => child.kill(name)),
    ending: Deferred.await(ending)
  }
  return running
})

/** Runs it to its end. */
export const run = (args: ReadonlyArray<string>, options: CommandOptions = {}): Effect.Effect<Ending> =>
  Effect.scoped(Effect.flatMap(start(args, { stdin: "", ...options }), ({ ending }) => ending))
