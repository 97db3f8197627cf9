/**
 * The one pipe into which a command writes both stdout and stderr, so that they arrive in the order written.
 *
 * It is a FIFO because what node:child_process calls a pipe is a socket, on which `> /dev/stderr` fails.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { closeSync, constants, openSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** No pipe could be made; `reason` is the system's. */
export class PipeUnavailable extends Schema.TaggedError<PipeUnavailable>()("PipeUnavailable", {
  reason: Schema.String
}) {
  override get message() {
    return `no pipe could be made for its output: ${this.reason}`
  }
}

export interface OutputPipe {
  /** The end a child inherits. */
  readonly writable: number
  /** Closes this process's copy of the writable end, so that the output ends with its last writer. */
  readonly closeWritable: Effect.Effect<void>
  /** Waits until every writer has closed its end and all output has been taken. */
  readonly ended: Effect.Effect<void>
}

const unavailable = (cause: unknown) =>
  new PipeUnavailable({ reason: cause instanceof Error ? cause.message : String(cause) })

const makeFifo = (path: string) =>
  Effect.callback<void, PipeUnavailable>((resume) => {
    const child = execFile("mkfifo", ["-m", "600", path], (error) =>
      resume(error === null ? Effect.void : Effect.fail(unavailable(error)))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Both ends are opened in one go: a reader without any writer would see the end of the output at once. */
const openEnds = (path: string, onData: (chunk: Buffer) => void) => {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writable = openSync(path, constants.O_WRONLY)
  const stillOpen = new Set([writable])
  const ended = Deferred.makeUnsafe<void>()
  const socket = new Socket({ fd: reader, readable: true, writable: false })
  socket.on("data", onData)
  socket.on("error", () => socket.destroy())
  socket.on("close", () => Deferred.doneUnsafe(ended, Exit.void))
  const closeWritable = Effect.sync(() => {
    if (stillOpen.delete(writable)) closeSync(writable)
  })
  const close = Effect.andThen(
    closeWritable,
    Effect.sync(() => socket.destroy())
  )
  return { pipe: { writable, closeWritable, ended: Deferred.await(ended) }, close }
}

/** A pipe whose output goes to `onData` as it arrives; its Scope closes both ends. */
export const openPipe = Effect.fnUntraced(function* (onData: (chunk: Buffer) => void) {
  return yield* Effect.acquireUseRelease(
    Effect.tryPromise({ try: () => mkdtemp(join(tmpdir(), "fiberclaw-")), catch: unavailable }),
    (folder) => openIn(folder, onData),
    (folder) => Effect.ignore(Effect.tryPromise(() => rm(folder, { recursive: true, force: true })))
  )
})

const openIn = Effect.fnUntraced(function* (folder: string, onData: (chunk: Buffer) => void) {
  const path = join(folder, "output")
  yield* makeFifo(path)
  const opened = Effect.try({ try: () => openEnds(path, onData), catch: unavailable })
  const { pipe } = yield* Effect.acquireRelease(opened, ({ close }) => close)
  const output: OutputPipe = pipe
  return output
})
