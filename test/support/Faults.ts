/**
 * Servers that fail below HTTP's own words: connections that are refused, reset, closed, never answered, or answered with
 * something else, and answers that are torn at a moment the test chooses. All end with the scope.
 */
import type * as Net from "node:net"
import { createServer } from "node:net"
import { Readable } from "node:stream"
import { Effect, type Scope } from "effect"
import { getLocal, type Mockttp } from "mockttp"
import { listening } from "./ListeningServer.ts"

/** The address of a mockttp server with this rule for every request. */
const ruled = (rule: (server: Mockttp) => Promise<unknown>): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = getLocal()
      await server.start()
      await rule(server)
      return server
    }),
    (server) => Effect.promise(() => server.stop())
  ).pipe(Effect.map(({ url }) => url))

/** The TCP connection is reset once the request is there. */
export const resetting = ruled((server) => server.forAnyRequest().thenResetConnection())

/** The connection is closed in order once the request is there. */
export const closing = ruled((server) => server.forAnyRequest().thenCloseConnection())

/** The request is taken, and nothing ever comes of it. */
export const mute = ruled((server) => server.forAnyRequest().thenTimeout())

/** A head, this much of a body, and then, once the test says so, the connection is torn down. */
export const tearing = (headers: Readonly<Record<string, string>>, body: Uint8Array, tear: Promise<void>) =>
  ruled((server) => {
    const pieces = async function* () {
      if (body.length > 0) yield body
      await tear
      throw new Error("torn")
    }
    return server.forAnyRequest().thenStream(200, Readable.from(pieces(), { objectMode: false }), headers)
  })

/** An address at which nobody listens. */
export const nobody: Effect.Effect<string> = Effect.scoped(listening(() => undefined))

/** A server of another protocol: to whatever it hears it says these bytes, and hangs up. */
export const babbling = (bytes: string) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined)
        socket.once("data", () => socket.end(bytes))
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`))
