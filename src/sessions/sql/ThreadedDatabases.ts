/** SQLite databases looked at and copied in worker threads, each on a connection of its own. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Threads } from "../../threads/Threads.ts"
import { Databases } from "../../upkeep/Databases.ts"
import * as Jobs from "./InspectionJobs.ts"

/** A check or a copy of a whole database reads all of it: some 50 MB/s on a slow disk, so this is for terabytes. */
const whole = "6 hours"

/** A stretch ends after a bounded number of events, or one session. */
const stretch = "10 minutes"

export const layer: Layer.Layer<Databases, never, Threads> = Layer.effect(
  Databases,
  Effect.map(Threads, ({ run }) =>
    Databases.of({
      survey: (file, kind, thorough) => run(Jobs.survey, { file, kind, thorough }, { timeout: whole }),
      examine: (request) => run(Jobs.examine, request, { timeout: stretch }),
      snapshot: (from, to) => Effect.asVoid(run(Jobs.snapshot, { from, to }, { timeout: whole }))
    })
  )
)
