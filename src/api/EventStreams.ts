/**
 * Server-Sent Events as answers (WHATWG HTML, section 9.2).
 *
 * The headers go out at once, also while there is nothing to tell; a comment every 15 seconds keeps proxies from
 * cutting a quiet stream, and tells the service when the client is gone.
 */
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** Less than the idle time-outs of common proxies (nginx `proxy_read_timeout`: 60 seconds). */
export const heartbeat = "15 seconds"

export interface Frame {
  readonly id?: string | undefined
  readonly event?: string | undefined
  /** Without line breaks, as JSON is. */
  readonly data: string
}

export const frameText = ({ data, event, id }: Frame): string =>
  `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`

/** The frames as they go over the wire, with a comment whenever the heart beats, up to the last frame. */
export const alive = <E, R>(frames: Stream.Stream<Frame, E, R>): Stream.Stream<string, E, R> => {
  const beats = Stream.map(Stream.drop(Stream.tick(heartbeat), 1), () => ": alive\n\n")
  return Stream.merge(Stream.map(frames, frameText), beats, { haltStrategy: "left" })
}

export const eventStream = (frames: Stream.Stream<Frame>, headers: Readonly<Record<string, string>> = {}) => {
  // Node.js sends the headers with the first write, even if that is empty.
  const text = Stream.concat(Stream.succeed(""), alive(frames))
  return HttpServerResponse.stream(Stream.encodeText(text), {
    contentType: "text/event-stream",
    headers: { ...headers, "cache-control": "no-cache", "x-accel-buffering": "no" }
  })
}
