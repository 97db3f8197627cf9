/** The same boundaries, and only a part of the service dies there: its supervisor starts it anew, and the turn goes on. */
import { describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { nameOf, pointsOf } from "./Matrix.ts"
import { report } from "./Results.ts"
import * as Striking from "./Striking.ts"

const parts = ["agent", "session", "store"] as const
const all = parts.flatMap((part) => pointsOf(part).map((point) => ({ part, point })))

class World extends Context.Service<World, Striking.Striking>()("fiberclaw/test/World") {
  static readonly layer = Layer.effect(World, Striking.make(all.length))
}

describe.concurrent("A part of the service that dies", () => {
  layer(World.layer, { excludeTestServices: true })((it) => {
    for (const { part, point } of all) {
      it.effect(`is started anew: ${part}, ${nameOf(point)}`, () =>
        Effect.gen(function* () {
          report(point, part, yield* (yield* World).survive(point, part))
        })
      )
    }
  })
})
