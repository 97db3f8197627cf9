import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Option, Redacted, Scope } from "effect"
import * as DataFolder from "../../src/app/DataFolder.ts"

const folder = FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped({ prefix: "fiberclaw-data-" }))

const modeOf = (path: string) => statSync(path).mode & 0o777

layer(NodeServices.layer)("DataFolder", (it) => {
  it.effect("is made where there is none, and is private to its owner", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/deep/down`
      yield* DataFolder.prepare(path)
      assert.strictEqual(modeOf(path), 0o700)
    })
  )

  it.effect("is made private when it was not", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* FileSystem.FileSystem.use((fs) => fs.chmod(path, 0o755))
      yield* DataFolder.prepare(path)
      assert.strictEqual(modeOf(path), 0o700)
    })
  )

  it.effect("keeps its mode where somebody else has put something", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* FileSystem.FileSystem.use((fs) =>
        Effect.andThen(fs.chmod(path, 0o755), fs.writeFileString(`${path}/theirs`, ""))
      )
      yield* DataFolder.prepare(path)
      assert.strictEqual(modeOf(path), 0o755)
    })
  )

  it.effect("is refused where a file is", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/file`
      writeFileSync(path, "")
      const error = yield* Effect.flip(DataFolder.prepare(path))
      assert.match(error.message, /^the data folder .*\/file cannot be written: /)
    })
  )

  it.effect("keeps the administrator's token, for the owner's eyes only", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const made = yield* DataFolder.adminToken(path, Option.none())
      assert.strictEqual(modeOf(`${path}/admin.token`), 0o600)
      assert.strictEqual(readFileSync(`${path}/admin.token`, "utf8"), `${Redacted.value(made)}\n`)
      const again = yield* DataFolder.adminToken(path, Option.none())
      assert.strictEqual(Redacted.value(again), Redacted.value(made))
      const set = yield* DataFolder.adminToken(path, Option.some(Redacted.make("mine")))
      assert.strictEqual(Redacted.value(set), "mine")
    })
  )

  it.effect("says what is wrong with its database, whatever the folder is called", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/blocks`
      mkdirSync(`${path}/fiberclaw.sqlite`, { recursive: true })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(DataFolder.layer(path))))
      assert.match(String((error as { readonly message: string }).message), /\/blocks cannot be used: the database /)
    })
  )

  it.effect("is used by one service at a time, and free again when that one has ended", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const use = Layer.build(Layer.fresh(DataFolder.layer(path)))
      const first = yield* Scope.make()
      yield* Scope.provide(use, first)
      const error = yield* Effect.flip(Effect.scoped(use))
      assert.strictEqual(
        (error as { readonly message: string }).message,
        `the data folder ${path} is in use by another fiberclaw: stop that one, or choose another with --data`
      )
      yield* Scope.close(first, Exit.void)
      yield* Effect.scoped(use)
    })
  )
})
