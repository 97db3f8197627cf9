import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Queue, Stream } from "effect"
import { HttpServer, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { CurrentCaller } from "../../src/api/Access.ts"
import { act, tree } from "../../src/api/TreeHandlers.ts"
import { TreeView } from "../../src/api/TreeView.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import type { Control, NodeSnapshot, TreeChange, TreeNode } from "../../src/kernel/Tree.ts"

const node: TreeNode = {
  path: "fiberclaw",
  kind: "supervisor",
  state: "running",
  restarts: 0,
  since: "2026-01-01T00:00:00.000Z"
}
const snapshot: NodeSnapshot = { ...node, children: [] }

interface FakeRoot {
  readonly changes?: Stream.Stream<TreeChange>
  /** What every action does. */
  readonly action?: Effect.Effect<void>
}

/** A tree of one node, asked by somebody who may do everything; what is to be done afterwards is done in the test. */
const fake = ({ action = Effect.void, changes = Stream.never }: FakeRoot) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const control: Control = {
        node: () => node,
        snapshot: () => snapshot,
        restart: action,
        stop: action,
        pause: action,
        resume: action,
        kill: action
      }
      const root = { snapshot: Effect.succeed(snapshot), changes, locate: () => control }
      return Context.make(CurrentCaller, { id: "admin", name: "admin", role: "admin" }).pipe(
        Context.add(
          TreeView,
          TreeView.of({
            root: Effect.succeed(root),
            afterwards: (effect) => Effect.asVoid(Effect.forkIn(effect, scope, { startImmediately: true }))
          })
        )
      )
    })
  ).pipe(Layer.merge(Drain.layer))

describe("TreeHandlers", () => {
  it.effect("answers that an action goes on when it takes longer than a client waits", () =>
    Effect.gen(function* () {
      const acting = yield* Effect.forkChild(act("stop")({ payload: { path: "fiberclaw/tenants/a" } }), {
        startImmediately: true
      })
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(acting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(acting), {
        path: "fiberclaw/tenants/a",
        action: "stop",
        detail: "it takes longer than 30 seconds, and goes on"
      })
    }).pipe(Effect.provide(fake({ action: Effect.never })))
  )

  it.effect("does not touch what the API rests on before the request is over", () => {
    const acted = Deferred.makeUnsafe<void>()
    return Effect.gen(function* () {
      const answered = yield* Deferred.make<void>()
      const written = yield* Deferred.make<void>()
      const answering = act("restart")({ payload: { path: "fiberclaw/api" } }).pipe(
        Effect.tap(() => Deferred.succeed(answered, undefined)),
        Effect.tap(() => Deferred.await(written))
      )
      yield* Effect.forkChild(answering)
      yield* Deferred.await(answered)
      yield* Effect.yieldNow
      assert.isFalse(yield* Deferred.isDone(acted))
      yield* Deferred.succeed(written, undefined)
      yield* Deferred.await(acted)
    }).pipe(Effect.provide(fake({ action: Effect.asVoid(Deferred.succeed(acted, undefined)) })))
  })

  it.live("lets go of the tree when whoever watches hangs up", () =>
    Effect.gen(function* () {
      const watchers = yield* Queue.unbounded<string>()
      const changes = Stream.unwrap(
        Effect.as(
          Effect.acquireRelease(Queue.offer(watchers, "came"), () => Queue.offer(watchers, "went")),
          Stream.concat(Stream.succeed<TreeChange>({ type: "Tree", tree: snapshot }), Stream.never)
        )
      )
      const watch = tree({ query: {}, headers: { accept: "text/event-stream" } }).pipe(
        Effect.map((answer) => (HttpServerResponse.isHttpServerResponse(answer) ? answer : assert.fail("no stream"))),
        Effect.provide(fake({ changes }))
      )
      yield* HttpServer.serveEffect(watch)
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const hangUp = new AbortController()
      const response = yield* Effect.promise(() => fetch(url, { signal: hangUp.signal }))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* Queue.take(watchers), "came")
      hangUp.abort()
      assert.strictEqual(yield* Queue.take(watchers), "went")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })))
  )
})
