/** SIGKILL at every boundary of a turn: the next start goes on as if nothing had happened, and nothing happens twice. */
import { describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Killing from "./Killing.ts"
import { nameOf, pointsOf } from "./Matrix.ts"
import { report } from "./Results.ts"

class Hall extends Context.Service<Hall, Killing.Killing>()("fiberclaw/test/Hall") {
  static readonly layer = Layer.effect(Hall, Killing.make("alone"))
}

describe("A service that is killed", () => {
  layer(Hall.layer, { excludeTestServices: true })((it) => {
    for (const point of pointsOf("alone")) {
      it.effect(`goes on: ${nameOf(point)}`, () =>
        Effect.gen(function* () {
          const story = yield* (yield* Hall).survive(point)
          report(point, "alone", true, story)
        })
      )
    }
  })
})
