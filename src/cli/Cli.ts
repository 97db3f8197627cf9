/**
 * The command line `fiberclaw`. Exit codes: 0, 1 when something failed (and stderr says what), 2 for a command
 * that is not understood. A stop by signal is no failure, unless it has to be cut short (`Insistence.ts`).
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Runtime } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import { version } from "../domain/Version.ts"
import { backup } from "./BackupCommand.ts"
import { chat } from "./ChatCommand.ts"
import { check } from "./CheckCommand.ts"
import { doctor } from "./DoctorCommand.ts"
import { Failed, say, surviveClosedPipes } from "./Output.ts"
import { restore } from "./RestoreCommand.ts"
import { serve } from "./ServeCommand.ts"
import { sessions } from "./SessionsCommand.ts"
import { status } from "./StatusCommand.ts"
import { tree } from "./TreeCommand.ts"
import { usage } from "./UsageCommand.ts"

const fiberclaw = Command.make("fiberclaw").pipe(
  Command.withDescription("A self-hosted service that runs AI agents as supervised fibers."),
  Command.withSubcommands([serve, chat, check, status, tree, sessions, usage, doctor, backup, restore])
)

/** Runs the command line of this process. */
export const main = Effect.andThen(surviveClosedPipes, Command.run(fiberclaw, { version })).pipe(
  Effect.catchCause((cause) => {
    const error = Cause.squash(cause)
    const told = error instanceof Failed || CliError.isCliError(error) || Cause.hasInterruptsOnly(cause)
    return told ? Effect.failCause(cause) : Effect.andThen(say(Cause.pretty(cause)), Effect.failCause(cause))
  }),
  Effect.provide(NodeServices.layer)
)

/** The exit code of an end. */
export const teardown: Runtime.Teardown = (exit, onExit) => onExit(codeOf(exit))

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  const error = Cause.squash(exit.cause)
  if (!CliError.isCliError(error)) return 1
  return error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2
}
