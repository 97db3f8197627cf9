/** The program: runs the command line. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { main, teardown } from "./cli/Cli.ts"

NodeRuntime.runMain(main, { disableErrorReporting: true, teardown })
