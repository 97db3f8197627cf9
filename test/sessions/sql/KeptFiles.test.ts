import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Sha256 } from "../../../src/domain/Attachment.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { filename, storeIn } from "./Database.ts"

const collectGarbage = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
})

/** Keeps a file that nobody else holds, and answers how to see whether somebody does. */
const keepOne = Effect.fnUntraced(function* (digit: string) {
  const data = new Uint8Array(1024).fill(Number(digit))
  const seen = new WeakRef(data)
  const store = yield* SessionStore
  yield* store.keep([{ sha256: Sha256.make(digit.repeat(64)), data }])
  return seen
})

describe("KeptFiles", () => {
  it.effect("holds no bytes in memory, however long they are kept", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.gen(function* () {
        const all = yield* Effect.forEach(["1", "2", "3"], keepOne)
        yield* Effect.yieldNow
        yield* collectGarbage
        // The last one may still be on somebody's stack.
        assert.deepStrictEqual(
          all.slice(0, -1).map((one) => one.deref()),
          [undefined, undefined]
        )
      }).pipe(Effect.scoped, Effect.provide(storeIn(path)))
    })
  )
})
