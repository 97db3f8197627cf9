/** What every session store promises of files that messages bring. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Layer, Option, Scope, Stream } from "effect"
import type { FileBytes } from "../../src/domain/Attachment.ts"
import type { SessionId } from "../../src/domain/Ids.ts"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { SessionStore, type StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import { bringing, ended, fileOf, said, session } from "./SessionStoreEvents.ts"

const [one, two, three] = [fileOf("1"), fileOf("2"), fileOf("3")]
const [a, b, c] = [session("a"), session("b"), session("c")]

/** Appends a message that brings these files, kept as long as that takes. */
const bring = Effect.fnUntraced(function* (to: SessionId, ...files: ReadonlyArray<FileBytes>) {
  const store = yield* SessionStore
  yield* store.keep(files)
  yield* store.append(to, 0, [bringing("t", ...files), ended("t")])
}, Effect.scoped)

/** Whether the session has the file, with the right bytes. */
const has = Effect.fnUntraced(function* (id: SessionId, { data, sha256 }: FileBytes) {
  const found = yield* SessionStore.use((store) => store.file(id, sha256))
  if (Option.isNone(found)) return false
  assert.deepStrictEqual(new Uint8Array(found.value.data), data)
  assert.deepInclude(found.value, { name: "dot.png", mediaType: "image/png" })
  return true
})

/** Begins a session that only names the file, which shows whether its bytes are there still. */
const isKept = Effect.fnUntraced(function* (file: FileBytes, under: string) {
  const store = yield* SessionStore
  yield* store.append(session(under), 0, [bringing("t", file), ended("t")])
  return yield* has(session(under), file)
})

/** `fresh` builds an empty store each time. */
export const sessionFilesContract = (name: string, fresh: () => Layer.Layer<SessionStore, StoreUnavailable>) => {
  const promises = (sentence: string, body: Effect.Effect<void, unknown, SessionStore>) =>
    it.effect(sentence, () => Effect.suspend(() => Effect.provide(body, fresh())))

  describe(`${name} keeps files`, () => {
    promises(
      "for the sessions whose messages brought them, and for no other",
      Effect.gen(function* () {
        yield* bring(a, one, two)
        yield* bring(b, two, three)
        const had = (id: SessionId) => Effect.forEach([one, two, three], (file) => has(id, file))
        assert.deepStrictEqual(yield* had(a), [true, true, false])
        assert.deepStrictEqual(yield* had(b), [false, true, true])
        assert.deepStrictEqual(yield* had(c), [false, false, false])
      })
    )

    promises(
      "that precede a message as those of the message itself",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const event = bringing("t", one)
        assert(event.type === "MessageAccepted" && event.files !== undefined)
        const { files, ...plain } = event
        const preceding = [{ role: "user" as const, text: "look", files }]
        yield* Effect.scoped(Effect.andThen(store.keep([one]), store.append(a, 0, [{ ...plain, preceding }])))
        assert.isTrue(yield* has(a, one))
      })
    )

    promises(
      "until no session names them any more",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* bring(a, one, two)
        yield* bring(b, two)
        assert.isTrue(yield* store.remove(a))
        assert.isFalse(yield* isKept(one, "x"))
        assert.isTrue(yield* has(b, two))
        assert.isTrue(yield* store.remove(b))
        assert.isFalse(yield* isKept(two, "y"))
      })
    )

    promises(
      "that were brought in vain only as long as they are held",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const scope = yield* Scope.make()
        yield* Scope.provide(store.keep([one]), scope)
        yield* Effect.scoped(store.keep([one, two]))
        assert.isFalse(yield* isKept(two, "x"))
        yield* store.remove(session("x"))
        yield* bring(a, one)
        yield* store.remove(a)
        assert.isTrue(yield* isKept(one, "y"))
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(yield* has(session("y"), one))
      })
    )

    promises(
      "that logs name which are taken in whole",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* bring(a, one)
        const log = yield* store.read(a, { limit: 10 })
        yield* store.adopt(b, Stream.fromIterable(log))
        yield* store.remove(a)
        assert.isTrue(yield* has(b, one))
        const broken: ReadonlyArray<SessionEvent> = [{ ...said("t", "no"), seq: 1, at: log[0]?.at ?? "" }]
        const failing = Stream.concat(Stream.fromIterable(broken), Stream.fail("cut"))
        assert.strictEqual(
          yield* Effect.flip(Effect.scoped(Effect.andThen(store.keep([two]), store.adopt(c, failing)))),
          "cut"
        )
        assert.isFalse(yield* isKept(two, "x"))
      })
    )
  })
}
