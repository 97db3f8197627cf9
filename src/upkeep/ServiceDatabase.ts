/** The service's own database, which nobody else can open while the service has it. */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { Effect } from "effect"

/** It could not be copied; `reason` is one sentence. */
export class ServiceDatabaseUncopied extends Schema.TaggedError<ServiceDatabaseUncopied>()("ServiceDatabaseUncopied", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

export class ServiceDatabase extends Context.Service<
  ServiceDatabase,
  {
    /** Copies it as it is now into a file that is not there yet (0600). It is small: tokens, and little else. */
    copyTo(file: string): Effect.Effect<void, ServiceDatabaseUncopied>
  }
>()("fiberclaw/upkeep/ServiceDatabase") {}
