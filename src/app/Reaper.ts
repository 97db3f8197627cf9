/**
 * The orderly stop. It is the last child to start, so it is the first to be told to stop, while everything still
 * works and nothing new is taken any more: it waits for running turns as long as it may and nobody hurries it, and
 * lets connections go. Turns that are not done by then stay unfinished in the log, and the next start takes them up.
 * When it is stopped only because something before it is started anew, it waits for nobody.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Directory } from "../agents/Directory.ts"
import { Drain } from "../kernel/Drain.ts"
import { Tenants } from "../tenants/Tenants.ts"

export const layer = (patience: Duration.Duration) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const drain = yield* Drain
      const tenants = yield* Tenants
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          if (!drain.refusing()) return
          yield* Effect.logInfo("service stops").pipe(Effect.annotateLogs({ drain: Duration.format(patience) }))
          const ended = Effect.as(quiet(tenants), true)
          const enough = Effect.as(Effect.raceFirst(Effect.sleep(patience), drain.hurried), false)
          if (!(yield* Effect.raceFirst(ended, enough))) yield* Effect.logWarning("running turns are parked")
          yield* drain.close
        })
      )
    })
  )

const quiet = Effect.fnUntraced(function* (tenants: Tenants["Service"]) {
  for (const { id } of yield* tenants.all) {
    const services = yield* Effect.option(tenants.services(id))
    if (Option.isSome(services)) {
      yield* Effect.provideContext(
        Directory.use((directory) => directory.quiet),
        services.value
      )
    }
  }
})
