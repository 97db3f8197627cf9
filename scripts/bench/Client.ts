/** The least a client does: requests over connections that stay open, and streams of events as they come. */
import { Agent, type IncomingMessage, request } from "node:http"
import { token } from "./Processes.ts"

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

interface Call {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const send = (url: string, { body, headers = {} }: Call): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const common = { authorization: `Bearer ${token}`, ...headers }
    const typed =
      text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }
    const method = text === undefined ? "GET" : "POST"
    request(url, { agent, method, headers: { ...common, ...typed } }, resolve)
      .on("error", reject)
      .end(text)
  })

/** The text of a successful answer; anything else is an error. */
export const call = async (url: string, options: Call = {}): Promise<string> => {
  const response = await send(url, options)
  const text = (await response.setEncoding("utf8").toArray()).join("")
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return text
  throw new Error(`${url} answered ${status}: ${text}`)
}

/** One turn through the service, in the session given, until its whole answer is there. */
export const turn = (url: string, to: string, session: string): Promise<string> =>
  call(`${url}/v1/chat/completions`, {
    body: { model: to, messages: [{ role: "user", content: "say: Hello, this is an answer." }] },
    headers: { "x-session-id": session }
  })

export interface Events extends Disposable {
  /** Waits for the next event whose data match, and gives the text that matched first. */
  next(pattern: RegExp): Promise<string>
}

/** Opens a stream of events; it is there when this resolves. */
export const events = async (url: string, options: Call = {}): Promise<Events> => {
  const response = await send(url, { ...options, headers: { accept: "text/event-stream", ...options.headers } })
  let text = ""
  let look: (() => void) | undefined
  response.setEncoding("utf8").on("data", (piece: string) => {
    text += piece
    look?.()
  })
  const next = (pattern: RegExp) =>
    new Promise<string>((resolve) => {
      look = () => {
        const found = pattern.exec(text)
        if (found === null) return
        text = text.slice(found.index + found[0].length)
        look = undefined
        resolve(found[1] ?? found[0])
      }
      look()
    })
  return { next, [Symbol.dispose]: () => response.destroy() }
}
