/**
 * The real service as a child process: `fiberclaw serve` on a port of its own choice, seen only from outside.
 *
 * A place is a temporary folder with a configuration and everything the service keeps; services started one after the
 * other in the same place share both. A start is over when the service says that it is ready, and fails with what it
 * printed when it ends instead. No process and no folder survives the scope it was made in.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Schema } from "effect"

/** One line of the service's log. */
export type LogEntry = Readonly<Record<string, unknown>> & { readonly message: string }

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** All it printed on stderr. */
  readonly errors: string
}

/** The process ended before it logged what was waited for. */
export class ServiceEnded extends Schema.TaggedError<ServiceEnded>()("ServiceEnded", {
  code: Schema.NullOr(Schema.Number),
  signal: Schema.NullOr(Schema.String),
  output: Schema.String
}) {
  override get message() {
    return `the service ended with ${this.signal ?? this.code}:\n${this.output}`
  }
}

/** A process that was told to serve, whether or not it ever does. */
export interface Process {
  /** Its log so far, oldest first. */
  readonly log: ReadonlyArray<LogEntry>
  /** The first entry with this message, once it is there. */
  logged(message: string): Effect.Effect<LogEntry, ServiceEnded>
  readonly ended: Effect.Effect<Ending>
  signal(name: NodeJS.Signals): void
  /** Sends the signal and waits for the end. */
  kill(name: NodeJS.Signals): Effect.Effect<Ending>
}

/** A process that serves. */
export interface Service extends Process {
  readonly place: Place
  readonly url: string
  /** The administrator's token. */
  readonly token: string
  readonly pid: number
}

export interface Place {
  readonly config: string
  readonly data: string
}

/** The configuration that comes with the project. */
export const exampleConfig = fileURLToPath(new URL("../../config", import.meta.url))

const fiberclaw: Program = { file: fileURLToPath(new URL("../../scripts/fiberclaw.js", import.meta.url)) }

/** A folder of the test's own, removed with its scope even while a command in it is still being ended. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fiberclaw-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
)

/** A place with these configuration files, by their paths, or with the example configuration. */
export const makePlace = Effect.fnUntraced(function* (files?: Readonly<Record<string, string>>) {
  const root = yield* folder
  const place: Place = { config: files === undefined ? exampleConfig : join(root, "config"), data: join(root, "data") }
  yield* Effect.sync(() => writeFiles(place.config, files ?? {}))
  return place
})

/** Writes these files, by their paths in the folder. */
export const writeFiles = (into: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(into, name)), { recursive: true })
    writeFileSync(join(into, name), text)
  }
}

/** Another program in place of `fiberclaw`, which takes the same arguments and says the same when it is ready. */
export interface Program {
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the process and waits for nothing. */
export const launch = Effect.fnUntraced(function* (place: Place, port = 0, program?: Program) {
  return yield* Effect.acquireRelease(
    Effect.sync(() => watch(spawnService(place, port, program))),
    (running) => running.kill("SIGKILL")
  )
})

/** Starts the service and waits until it is ready. */
export const start = Effect.fnUntraced(function* (place: Place, program?: Program) {
  const running = yield* launch(place, 0, program)
  const { pid, url } = decodeReady(yield* running.logged("service ready"))
  const token = yield* Effect.sync(() => readFileSync(join(place.data, "admin.token"), "utf8").trim())
  const service: Service = { ...running, place, url, pid, token }
  return service
})

const decodeReady = Schema.decodeUnknownSync(Schema.Struct({ url: Schema.String, pid: Schema.Int }))

/** Nothing of the environment of the tests reaches the service but what every program needs. */
const spawnService = ({ config, data }: Place, port: number, { env, file }: Program = fiberclaw): ChildProcess =>
  spawn(process.execPath, [file, "serve", "--config", config, "--data", data, "--port", String(port)], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })

interface Waiter {
  readonly message: string
  readonly entry: Deferred.Deferred<LogEntry>
}

const watch = (child: ChildProcess): Process => {
  const log: Array<LogEntry> = []
  const errors: Array<string> = []
  const waiters = new Set<Waiter>()
  const ended = Deferred.makeUnsafe<Ending>()
  const { stderr, stdout } = child
  if (stdout !== null) {
    createInterface(stdout).on("line", (line) => {
      const entry: LogEntry = line.startsWith("{") ? JSON.parse(line) : { message: line }
      log.push(entry)
      for (const waiter of waiters) {
        if (waiter.message === entry.message) Deferred.doneUnsafe(waiter.entry, Effect.succeed(entry))
      }
    })
  }
  stderr?.setEncoding("utf8").on("data", (text: string) => errors.push(text))
  child.on("close", (code, signal) => {
    Deferred.doneUnsafe(ended, Effect.succeed({ code, signal, errors: errors.join("") }))
  })
  const tooLate = Effect.flatMap(Deferred.await(ended), ({ code, signal }) => {
    const output = [...errors, ...log.map((entry) => JSON.stringify(entry))].join("\n")
    return new ServiceEnded({ code, signal, output })
  })

  const logged: Process["logged"] = (message) =>
    Effect.suspend(() => {
      const known = log.find((entry) => entry.message === message)
      if (known !== undefined) return Effect.succeed(known)
      const waiter: Waiter = { message, entry: Deferred.makeUnsafe() }
      waiters.add(waiter)
      return Effect.ensuring(
        Effect.raceFirst(Deferred.await(waiter.entry), tooLate),
        Effect.sync(() => waiters.delete(waiter))
      )
    })
  const signal = (name: NodeJS.Signals) => void child.kill(name)
  return {
    log,
    logged,
    ended: Deferred.await(ended),
    signal,
    kill: (name) =>
      Effect.andThen(
        Effect.sync(() => signal(name)),
        Deferred.await(ended)
      )
  }
}
