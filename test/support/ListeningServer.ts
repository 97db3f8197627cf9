/** A plain HTTP server on a free port of 127.0.0.1, closed with its connections when the Scope closes. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

/** The address of a server that answers with `listener`. */
export const listening = (listener: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer(listener)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))
