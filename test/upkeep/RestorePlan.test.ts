import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { formerFolder, plan, readyFolder, type Restoring, settle, type Step } from "../../src/upkeep/RestorePlan.ts"

const perform = (step: Step): void => {
  if (step._tag === "Rename") return renameSync(step.from, step.to)
  mkdirSync(step.to)
  writeFileSync(join(step.to, "who"), readFileSync(join(step.from, "who")))
}

/** What the next start, or the next restore, does first. */
const recover = (data: string): void => {
  const next = settle({ data: existsSync(data), ready: existsSync(readyFolder(data)) })
  if (next === "finish") renameSync(readyFolder(data), data)
  if (next === "discard") rmSync(readyFolder(data), { recursive: true })
}

const who = (folder: string) => readFileSync(join(folder, "who"), "utf8")

const folderOf = (root: string, name: string, text: string) => {
  mkdirSync(join(root, name))
  writeFileSync(join(root, name, "who"), text)
  return join(root, name)
}

/** A folder with the old data, a backup with the new, and the plan for them. */
const scene = () => {
  const root = mkdtempSync(join(tmpdir(), "fiberclaw-"))
  const data = folderOf(root, "data", "old")
  mkdirSync(join(data, "backups"))
  const backup = folderOf(root, "backup", "new")
  const restoring: Restoring = { backup, data, replaces: true, hasBackups: true, stamp: "now" }
  return { root, data, steps: plan(restoring) }
}

describe("RestorePlan", () => {
  const count = scene().steps.length

  it.each(Array.from({ length: count + 1 }, (_, done) => done))(
    "cut off after %i steps leaves the old or the new",
    (done) => {
      const { data, root, steps } = scene()
      for (const step of steps.slice(0, done)) perform(step)
      recover(data)
      assert.strictEqual(who(data), done < 3 ? "old" : "new")
      if (done >= 3) assert.strictEqual(who(formerFolder(data, "now")), "old")
      assert.isFalse(existsSync(readyFolder(data)))
      rmSync(root, { recursive: true })
    }
  )

  it("ends with the new data in place, the old beside it, and the backups where they were", () => {
    const { data, root, steps } = scene()
    for (const step of steps) perform(step)
    assert.strictEqual(who(data), "new")
    assert.isTrue(existsSync(join(data, "backups")))
    assert.isFalse(existsSync(join(formerFolder(data, "now"), "backups")))
    rmSync(root, { recursive: true })
  })

  it("puts nothing aside where nothing was", () => {
    const steps = plan({ backup: "b", data: "d", replaces: false, hasBackups: false, stamp: "s" })
    assert.deepStrictEqual(
      steps.map((step) => `${step.from} → ${step.to}`),
      ["b → d.restoring-s", "d.restoring-s → d.restored", "d.restored → d"]
    )
  })
})
