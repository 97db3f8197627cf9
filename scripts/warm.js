/**
 * Compiles the program once after an install, so that its first start is as quick and as small as any other. Doing
 * without it is no failure: an install that runs no scripts, or one for another machine, starts cold once.
 */
import { cacheCompiledCode, recentEnough } from "./runtime.js"

if (recentEnough(process.versions.node)) {
  cacheCompiledCode()
  const program = ["../src/cli/Cli.ts", "../src/cli/Serving.ts", "../src/cli/Chatting.ts"]
  Promise.all(program.map((file) => import(file))).catch((error) => {
    console.error(`the program could not be compiled ahead: ${error.message}`)
  })
}
