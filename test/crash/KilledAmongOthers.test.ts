/** The same SIGKILL with other sessions under way at other places: all of them come to their end. */
import { describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Killing from "./Killing.ts"
import { nameOf, pointsOf } from "./Matrix.ts"
import { report } from "./Results.ts"

class Hall extends Context.Service<Hall, Killing.Killing>()("fiberclaw/test/Hall") {
  static readonly layer = Layer.effect(Hall, Killing.make("among others"))
}

describe("A service that is killed with several sessions under way", () => {
  layer(Hall.layer, { excludeTestServices: true })((it) => {
    for (const point of pointsOf("among others")) {
      it.effect(`goes on: ${nameOf(point)}`, () =>
        Effect.gen(function* () {
          const story = yield* (yield* Hall).survive(point)
          report(point, "among others", true, story)
        })
      )
    }
  })
})
