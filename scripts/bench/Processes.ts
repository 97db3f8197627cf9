/**
 * The processes a benchmark measures: the service, the model it asks, and a plain Node.js server to compare with.
 *
 * Each says on its standard output where it listens, and is gone before its block ends.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Running extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

export interface ServiceOptions {
  /** The folder with the configuration; the example's if not given. */
  readonly config?: string
  readonly data: string
  /** Where compiled code is kept; where the program itself keeps it if not given. */
  readonly compileCache?: string
}

/** Of a benchmark's own token, so that none has to be read from a file. */
export const token = "bench-0123456789abcdef"

export const service = ({ compileCache, config = `${root}/config`, data }: ServiceOptions): Promise<Running> =>
  run(
    [
      "--max-semi-space-size=16",
      `${root}/scripts/fiberclaw.js`,
      "serve",
      "--config",
      config,
      "--data",
      data,
      "--port",
      "0"
    ],
    {
      FIBERCLAW_ADMIN_TOKEN: token,
      ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache })
    }
  )

/** The least that Node.js does to answer a request. */
export const plainNode = (): Promise<Running> =>
  run([
    "-e",
    `const server = require("node:http").createServer((_, response) => response.end("ok"))
     server.listen(0, "127.0.0.1", () =>
       console.log(JSON.stringify({ url: "http://127.0.0.1:" + server.address().port })))`
  ])

/** The stand-in for a model, in a process of its own. */
export const model = (): Promise<Running> => run([`${root}/scripts/bench/ModelServer.ts`])

/** Runs Node.js until it says where it listens. Nothing of the environment reaches it but what every program needs. */
const run = async (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Promise<Running> => {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const ended = once(child, "exit")
  const lines: Array<string> = []
  const { promise, reject, resolve } = Promise.withResolvers<string>()
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line)
    const url = addressIn(line)
    if (url !== undefined) resolve(url)
  })
  child.once("exit", () => reject(new Error(`${args.join(" ")} ended before it was ready:\n${lines.join("\n")}`)))
  const stop = async () => {
    child.kill("SIGTERM")
    await ended
  }
  return { url: await promise, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop }
}

const addressIn = (line: string): string | undefined => {
  if (!line.startsWith("{")) return undefined
  const said: unknown = JSON.parse(line)
  return typeof said === "object" && said !== null && "url" in said && typeof said.url === "string"
    ? said.url
    : undefined
}
