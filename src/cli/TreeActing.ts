/** Acts on a node and tells how it is afterwards. */
import * as Effect from "effect/Effect"
import type { Action } from "../api/TreeScope.ts"
import { type ClientOptions, connect } from "./Client.ts"
import { fail, print } from "./Output.ts"
import { changeLine } from "./StatusDrawing.ts"

/** The flags and the argument of `fiberclaw tree …`. */
export interface Given extends ClientOptions {
  readonly path: string
  readonly json: boolean
}

/** Succeeds when it is done, or goes on by itself. */
export const run = Effect.fnUntraced(function* (action: Action, given: Given) {
  const client = yield* connect(given)
  const answer = yield* client.operations[action]({ payload: { path: given.path } }).pipe(
    Effect.catch((error) => fail(error.message))
  )
  if (given.json) return yield* print(JSON.stringify(answer))
  yield* print("state" in answer ? changeLine(answer) : `${answer.path} ${answer.action}: ${answer.detail}`)
})
