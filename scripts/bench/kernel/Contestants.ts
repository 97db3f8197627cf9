/**
 * Who does the work: the kernel, actors written by hand for Node.js, and Erlang/OTP where it is installed.
 *
 * Each workload is one process, so that none runs on what another has compiled or left on the heap. Node.js runs as
 * the service does, without flags.
 */
import { execFile } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { heard, type Readings } from "./Readings.ts"

/** What is done, and how much of it. */
export interface Workload {
  readonly name: string
  readonly sizes: ReadonlyArray<number>
  /** For Node.js; what is timed has none. */
  readonly flags?: ReadonlyArray<string>
}

export interface Contestant {
  readonly name: string
  readonly run: (workload: Workload) => Promise<Readings>
}

const start = promisify(execFile)

const outputOf = async (program: string, args: ReadonlyArray<string>): Promise<string> =>
  (await start(program, args, { env: { PATH: process.env["PATH"], HOME: process.env["HOME"] } })).stdout

const onNode = (name: string, program: string): Contestant => ({
  name,
  run: async ({ flags = [], name: workload, sizes }) => {
    const file = fileURLToPath(new URL(program, import.meta.url))
    return heard(await outputOf(process.execPath, [...flags, file, workload, ...sizes.map(String)]))
  }
})

export const kernel = onNode("kernel", "ours/Ours.ts")
export const byHand = onNode("plain Node, by hand", "plain/Plain.ts")

const modules = ["counter", "counter_sup", "kernel_bench"].map((name) =>
  fileURLToPath(new URL(`erlang/${name}.erl`, import.meta.url))
)

/** Erlang with the workloads compiled into `folder`; undefined where there is no Erlang. */
export const erlang = async (folder: string): Promise<Contestant | undefined> => {
  const flags = ["-noshell", "-noinput"]
  const ask = 'io:format("~s", [erlang:system_info(otp_release)]), halt().'
  const release = await outputOf("erl", [...flags, "-eval", ask]).catch(unlessMissing)
  if (release === undefined) return undefined
  const compiled = join(folder, "erlang")
  mkdirSync(compiled)
  await outputOf("erlc", ["-o", compiled, ...modules])
  // More processes than a million; everything else is as it comes.
  const settings = [...flags, "+P", "2000000", "-pa", compiled, "-run", "kernel_bench", "main"]
  return {
    name: `Erlang/OTP ${release}`,
    run: async ({ name, sizes }) => heard(await outputOf("erl", [...settings, name, ...sizes.map(String)]))
  }
}

const unlessMissing = (error: unknown): undefined => {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
  throw error
}
