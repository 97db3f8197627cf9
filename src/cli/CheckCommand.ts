/** `fiberclaw check`: whether the configuration is valid, and every fault if not. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import { configFlag, jsonFlag } from "./Options.ts"

export const check = Command.make("check", { config: configFlag, json: jsonFlag }, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Checking.ts")),
    ({ run }) => run(given)
  )
).pipe(Command.withDescription("Checks the configuration and lists every fault with file, line and column"))
