import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { collect, seal } from "../../src/upkeep/Collecting.ts"
import { format, isInside } from "../../src/upkeep/Manifest.ts"
import { unpack } from "../../src/upkeep/Unpacking.ts"

const modeOf = (path: string) => lstatSync(path).mode & 0o777

describe("An archive", () => {
  const at = { root: "" }
  const inside = (...parts: ReadonlyArray<string>) => join(at.root, ...parts)

  beforeEach(() => {
    at.root = mkdtempSync(join(tmpdir(), "fiberclaw-"))
    for (const folder of ["source/sub", "backup", "target"]) mkdirSync(inside(folder), { recursive: true })
    writeFileSync(inside("source/sub/file"), "content")
    writeFileSync(inside("source/run"), "#!/bin/sh\n")
    chmodSync(inside("source/run"), 0o755)
    writeFileSync(inside("source/left-out"), "")
    writeFileSync(inside("secret"), "secret")
    symlinkSync(inside("secret"), inside("source/link"))
    symlinkSync(at.root, inside("source/sub/out"))
  })
  afterEach(() => rmSync(at.root, { recursive: true }))

  const make = () => {
    const copies = [{ from: inside("source"), to: "source", except: ["left-out"] }]
    const total = collect({ into: inside("backup"), present: [], copies })
    seal(inside("backup"), { format, version: "1", createdAt: "2026-01-01T00:00:00.000Z", ...total })
    return total
  }

  const lines = () => readFileSync(inside("backup/files.jsonl"), "utf8")

  /** Puts these lines in place of the list, with a manifest that vouches for them. */
  const forge = (...entries: ReadonlyArray<object>) => {
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("")
    writeFileSync(inside("backup/files.jsonl"), text)
    const manifest = JSON.parse(readFileSync(inside("backup/manifest.json"), "utf8"))
    const files = entries.filter((entry) => "sha256" in entry).length
    const forged = { ...manifest, files, entries: createHash("sha256").update(text).digest("hex") }
    writeFileSync(inside("backup/manifest.json"), JSON.stringify(forged))
  }

  it("brings back files, folders, links and what may be run", () => {
    assert.deepStrictEqual(make(), { files: 2, bytes: 17, skipped: 0 })
    unpack(inside("backup"), { folder: inside("target"), as: "data" })
    assert.strictEqual(readFileSync(inside("target/source/sub/file"), "utf8"), "content")
    assert.strictEqual(readlinkSync(inside("target/source/link")), inside("secret"))
    assert.strictEqual(modeOf(inside("target/source/run")), 0o700)
    assert.isFalse(existsSync(inside("target/source/left-out")))
  })

  it("follows no link and is private to its owner", () => {
    make()
    const all = readdirSync(inside("backup"), { recursive: true, encoding: "utf8" })
    assert.deepStrictEqual(all.toSorted(), [
      ...["files.jsonl", "manifest.json", "source", "source/run", "source/sub", "source/sub/file"]
    ])
    for (const path of all) {
      assert.strictEqual(modeOf(inside("backup", path)), statSync(inside("backup", path)).isDirectory() ? 0o700 : 0o600)
    }
  })

  it("names what it cannot keep, and waits for no pipe", () => {
    execFileSync("mkfifo", [inside("source/pipe")])
    assert.strictEqual(make().skipped, 1)
    assert.match(lines(), /"Skipped","path":"source\/pipe"/)
  })

  it("is copied byte for byte", () => {
    make()
    unpack(inside("backup"), { folder: inside("target"), as: "backup" })
    assert.deepStrictEqual(unpack(inside("target"), null), unpack(inside("backup"), null))
  })

  it("is refused without its manifest, and when anything in it was changed or is missing", () => {
    assert.throws(() => unpack(inside("backup"), null), /there is no manifest\.json in it/)
    make()
    writeFileSync(inside("backup/source/sub/file"), "contenT")
    assert.throws(() => unpack(inside("backup"), null), /its source\/sub\/file was changed/)
    rmSync(inside("backup/source/sub/file"))
    assert.throws(() => unpack(inside("backup"), null), /ENOENT/)
    writeFileSync(inside("backup/files.jsonl"), lines().replace("source/run", "source/ran"))
    assert.throws(() => unpack(inside("backup"), null), /its files\.jsonl was changed/)
  })

  it("never reaches out of the folder it is unpacked into", () => {
    make()
    const sha256 = createHash("sha256").update("content").digest("hex")
    const entry = { _tag: "File", bytes: 7, sha256 }
    forge({ ...entry, path: "../escaped" })
    assert.throws(() => unpack(inside("backup"), { folder: inside("target"), as: "data" }))
    assert.isFalse(existsSync(inside("escaped")))
    forge({ _tag: "Link", path: "source", target: at.root }, { ...entry, path: "source/sub/file" })
    assert.throws(
      () => unpack(inside("backup"), { folder: inside("target"), as: "data" }),
      /ENOENT|EEXIST|behind a link/
    )
    assert.isFalse(existsSync(inside("sub/file")))
    rmSync(inside("target"), { recursive: true })
    mkdirSync(inside("target"))
    const link = { _tag: "Link", path: "source", target: inside("backup") }
    forge(link, { _tag: "Link", path: "source/made/here", target: "nowhere" })
    assert.throws(() => unpack(inside("backup"), { folder: inside("target"), as: "data" }), /behind a link/)
    assert.isFalse(existsSync(inside("backup/made")))
  })

  it("is refused when a line of its list never ends", () => {
    make()
    forge({ _tag: "Skipped", path: "long", reason: "x".repeat(3 << 20) })
    assert.throws(() => unpack(inside("backup"), null), /a line that is too long/)
  })
})

describe("A path in a backup", () => {
  it.each(["", "/etc", "../up", "a/../b", "a//b", "./a", "a/.", "nul\0"])("is refused: %j", (path) => {
    assert.isFalse(isInside(path))
  })

  it.each(["a", "a/b.c", "..a/b..", "a b/ü"])("is taken: %j", (path) => assert.isTrue(isInside(path)))
})
