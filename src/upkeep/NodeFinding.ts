/** Whether the Node.js that runs this can run the service. */
import { type Finding, ok, problem } from "./Finding.ts"

/** The first that strips types and offers node:sqlite without a flag and without a warning. */
const needed = [24, 15] as const

/** `version` is without a `v`, as in `process.versions.node`. */
export const ofNode = (version: string): Finding => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return ok("Node.js", `version ${version}`)
  return problem(
    "Node.js",
    `version ${version} is older than ${needed.join(".")}`,
    "the service does not start on it",
    "install a newer one, or run `npm ci` on Linux, which brings one"
  )
}
