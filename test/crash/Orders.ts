/**
 * What a victim is to die of: written into a file by whoever wants it dead, read by the victim at every boundary, so
 * that it can be told at any time, before its start too. Before it dies it writes down that it was struck.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { type Boundary, striker } from "./Boundary.ts"
import type { Watcher } from "./Trap.ts"

const strikes = (file: string) => `${file}.strikes`

/** From now on the victim dies here, or nowhere. */
export const order = (file: string, boundary: Boundary | undefined): void =>
  writeFileSync(file, boundary === undefined ? "" : JSON.stringify(boundary))

/** How many victims have been struck by order. */
export const struck = (file: string): number =>
  existsSync(strikes(file)) ? readFileSync(strikes(file), "utf8").split("\n").length - 1 : 0

/** Dies as ordered. */
export const obeying = (file: string): Watcher => {
  let last = ""
  let watcher: Watcher = () => false
  return (passing) => {
    const text = readFileSync(file, "utf8")
    if (text !== last) {
      last = text
      watcher = text === "" ? () => false : striker(JSON.parse(text), () => die(file, text))
    }
    return watcher(passing)
  }
}

const die = (file: string, text: string) => {
  appendFileSync(strikes(file), `${text}\n`)
  process.kill(process.pid, "SIGKILL")
}
