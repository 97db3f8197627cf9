/** What may be done with a tool call whose outcome is unknown. */
import * as Schema from "effect/Schema"

/**
 * `pure`: run it again. `idempotent`: run it again with the same key. `queryable`: ask the tool what became of
 * it. `unsafe`: never run it again; the model is told that its outcome is unknown.
 */
export const EffectClass = Schema.Literals(["pure", "idempotent", "queryable", "unsafe"])
export type EffectClass = typeof EffectClass.Type
