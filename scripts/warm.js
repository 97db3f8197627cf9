/**
 * Compiles the program once after an install, so that its first start is as quick and as small as any other. Doing
 * without it is no failure: an install that runs no scripts, or one for another machine, starts cold once.
 */
import { cacheCompiledCode, recentEnough } from "./runtime.js"

if (recentEnough(process.versions.node)) {
  cacheCompiledCode()
  const commands = ["Cli", "Serving", "Chatting", "Checking", "Status", "TreeActing"]
  const program = commands.map((name) => `../src/cli/${name}.ts`)
  Promise.all(program.map((file) => import(file)))
    .then(() => {
      // The entry point runs when it is loaded, so it is given something harmless to do.
      process.argv.splice(2, Number.POSITIVE_INFINITY, "--version")
      return import("../src/main.ts")
    })
    .catch((error) => console.error(`the program could not be compiled ahead: ${error.message}`))
}
