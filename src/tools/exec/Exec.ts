/**
 * The tool `exec`: a shell command in the agent's own workspace folder.
 *
 * The command sees an allow-list of the environment and nothing of the service's keys, has no stdin, and nothing it
 * starts outlives the call. A command that ran is a success whatever its exit code, which the model reads in the last
 * line; the call has failed only when the command could not be run or was stopped at its time limit.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mkdir } from "node:fs/promises"
import type { AgentId } from "../../domain/Ids.ts"
import * as Tool from "../Tool.ts"
import { runCommand } from "./Command.ts"
import type { CommandEnding } from "./Command.ts"
import { commandEnvironment, temporaryFolder } from "./CommandEnvironment.ts"

const sound = Schema.makeFilter((command: string) =>
  command.includes("\0") || !command.isWellFormed() ? "Expected text without NUL or half characters" : undefined
)

/** What the model writes. */
const ExecInput = Schema.Struct({
  command: Schema.String.annotate({
    description: "The command, as given to `sh -c`. It has no stdin; what it leaves in the background is ended with it."
  }).check(Schema.isMinLength(1), Schema.isMaxLength(32_768), sound),
  timeoutSeconds: Schema.optionalKey(
    Schema.Int.annotate({
      description: "After how many seconds the command is stopped: 1 to 600, by default 120."
    }).check(Schema.isBetween({ minimum: 1, maximum: 600 }))
  )
})
type ExecInput = typeof ExecInput.Type

export interface ExecOptions {
  /** The absolute path of an agent's workspace; made on demand, private to its owner (0700). */
  readonly workspace: (agent: AgentId) => string
  /** A POSIX shell. Default: `/bin/sh`. */
  readonly shell?: string
}

/** The tool for one tenant, whose agents each have their own workspace. */
export const exec = (options: ExecOptions): Tool.Tool =>
  Tool.make({
    name: "exec",
    description:
      "Runs a shell command in your own workspace folder, which persists between calls, and returns its " +
      "output (stdout and stderr together, the middle left out when long) and its exit code.",
    parameters: ExecInput,
    prepare: (input, agent) => ({
      effect: "unsafe",
      dangerous: true,
      summary: summaryOf(input, agent === undefined ? "the agent's workspace" : options.workspace(agent)),
      timeout: Duration.seconds(timeoutOf(input) + marginSeconds),
      run: (context) => run(input, options.workspace(context.agent), options.shell ?? "/bin/sh")
    })
  })

/** What ending a group and making a workspace may take on top of the command's own time. */
const marginSeconds = 30

const timeoutOf = (input: ExecInput) => input.timeoutSeconds ?? 120

const invisible = /[^\P{C}\n\t]|[\u2028\u2029]/gu

/** The folder, then the whole command; what a screen would not show or would act on is written as an escape. */
const summaryOf = (input: ExecInput, folder: string): string => {
  const command = input.command.replace(invisible, (hidden) => `\\u{${hidden.codePointAt(0)?.toString(16)}}`)
  return `in ${folder}: ${command}`
}

/** The last line of the result. */
const closing = (ending: CommandEnding, input: ExecInput) => {
  switch (ending._tag) {
    case "Exited":
      return `[exit code ${ending.code}]`
    case "Killed":
      return `[killed by ${ending.signal}]`
    case "Stopped":
      return `[stopped after ${timeoutOf(input)} s]`
  }
}

const run = Effect.fnUntraced(
  function* (input: ExecInput, workspace: string, shell: string) {
    yield* makeFolder(temporaryFolder(workspace))
    const { ending, output } = yield* runCommand({
      shell,
      command: input.command,
      folder: workspace,
      environment: commandEnvironment(process.env, workspace),
      limit: Duration.seconds(timeoutOf(input))
    })
    const text = `${output === "" ? "(no output)" : output.replace(/\n$/, "")}\n${closing(ending, input)}`
    return ending._tag === "Stopped" ? yield* new Tool.ToolFailed({ message: text }) : text
  },
  Effect.mapError((error) =>
    error._tag === "ToolFailed" ? error : new Tool.ToolFailed({ message: `The command was not run: ${error.message}.` })
  )
)

class FolderUnavailable extends Schema.TaggedError<FolderUnavailable>()("FolderUnavailable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `its folder ${this.path} could not be made: ${this.reason}`
  }
}

const makeFolder = (path: string) =>
  Effect.tryPromise({
    try: () => mkdir(path, { recursive: true, mode: 0o700 }),
    catch: (cause) => new FolderUnavailable({ path, reason: cause instanceof Error ? cause.message : String(cause) })
  })
