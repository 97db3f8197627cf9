/**
 * Which Node.js runs the project, and where it keeps compiled code. Plain JavaScript, because it has to parse on
 * Node.js versions that cannot run the rest.
 */
import module, { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The first Node.js that strips types and offers node:sqlite without a flag and without a warning. */
export const needed = [24, 15]

/**
 * How Node.js runs the service. V8 lets the space for what is new grow to 128 MB in a burst and keeps it; bounded, 10,000
 * sessions in the middle of a turn take 15 % less, for the same time of the processor (https://nodejs.org/api/cli.html#--max-semi-space-sizesize-in-mib).
 */
export const flags = ["--max-semi-space-size=16"]

/** Whether a version such as "24.15.0" is one that can run the sources. */
export function recentEnough(version) {
  const [major, minor] = version.split(".").map(Number)
  return major > needed[0] || (major === needed[0] && minor >= needed[1])
}

/** The path of the Node.js the project brings, or undefined where it brings none but the one that runs already. */
export function ownNode() {
  try {
    const node = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`)
    return node === process.execPath ? undefined : node
  } catch {
    return undefined
  }
}

/** Keeps compiled code where only this user writes; where no folder can be written, starting is merely slower. */
export function cacheCompiledCode() {
  const { HOME, NODE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env
  const cache = XDG_CACHE_HOME || (HOME && join(HOME, ".cache"))
  const folders = [
    fileURLToPath(new URL("../node_modules/.cache/compile", import.meta.url)),
    ...(cache ? [join(cache, "fiberclaw", "compile")] : [])
  ]
  for (const folder of NODE_COMPILE_CACHE ? [undefined] : folders) {
    if (module.enableCompileCache(folder).status !== module.constants.compileCacheStatus.FAILED) return
  }
}
