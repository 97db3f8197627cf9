/** The supervision tree: as it is, as it changes, and what operators may do to a node. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { NodeSnapshot, TreeChange, TreeNode } from "../kernel/Tree.ts"
import { Conflict, Forbidden, NotFound } from "./Problems.ts"
import type { Action } from "./TreeScope.ts"

const Path = Schema.NonEmptyString.check(Schema.isMaxLength(4000))

const NodePath = Schema.Struct({ path: Path }).annotate({ identifier: "NodePath" })

/** The action goes on behind this answer. */
export const Begun = Schema.Struct({ path: Schema.String, action: Schema.String, detail: Schema.String })
  .annotate({ identifier: "TreeActionBegun" })
  .pipe(HttpApiSchema.status(202))
export type Begun = typeof Begun.Type

/** `event` is the `type` of the data. */
const FollowedChange = Schema.Struct({
  id: Schema.optional(Schema.String),
  event: Schema.String,
  data: Schema.fromJsonString(TreeChange)
})

const act = <const Name extends Action>(name: Name, does: string) =>
  HttpApiEndpoint.post(name, `/tree/${name}`, {
    payload: NodePath,
    success: [TreeNode.annotate({ identifier: "TreeNode" }), Begun],
    error: [Forbidden, NotFound, Conflict]
  }).annotate(OpenApi.Description, `${does} ${everyAction}`)

const everyAction =
  "Needs the role operator; a token that is bound to a tenant reaches the nodes below its tenant's, and to it all " +
  "others are not there (404). Answers with the node as it is afterwards (one that is gone by then as stopped), or " +
  "with 202 when the action goes on behind the answer: because it takes longer than 30 seconds, or because the API " +
  "itself rests on the node. The latter is so of the nodes directly below the root; it is acted on them once the " +
  "answer is out, and the API is away for a moment. 409 when it cannot be done, with the reason."

export const watchTree = HttpApiEndpoint.get("tree", "/tree", {
  query: { path: Schema.optionalKey(Path) },
  headers: { accept: Schema.optionalKey(Schema.String) },
  success: [NodeSnapshot, HttpApiSchema.StreamSse({ events: FollowedChange })],
  error: [Forbidden, NotFound]
}).annotate(
  OpenApi.Description,
  "The supervision tree, or the part of it that begins at `path`; to a token that is bound to a tenant it begins at " +
    "that tenant. With `Accept: text/event-stream` first the whole (event Tree), then every node that changes, as it " +
    "is by then (Changed), and every path under which nothing is any more (Gone). A watcher that has missed too much " +
    "is told the whole again."
)

export const restartNode = act(
  "restart",
  "Stops a node if it is up, with those its supervisor's strategy takes along, and starts it with a whole budget of " +
    "restarts. Also brings back what is stopped, paused or parked. 409 when its first start fails."
)

export const stopNode = act(
  "stop",
  "Stops a node, under rest_for_one also those that rest on it. It stays stopped until it is restarted or resumed; " +
    "one that was started on demand is forgotten, and the next demand starts it."
)

export const pauseNode = act("pause", "Like stop, but a node that was started on demand stays, paused, until resumed.")

export const resumeNode = act(
  "resume",
  "Starts a node that is stopped, paused or parked, and leaves alone one that is up. 409 when its first start fails."
)

export const killNode = act("kill", "Makes a node fail; its supervisor decides as for any other failure.")
