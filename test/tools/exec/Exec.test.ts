import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result } from "effect"
import { Tool as AiTool } from "effect/ai"
import { TestClock } from "effect/testing"
import { readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { AgentId } from "../../../src/domain/Ids.ts"
import type { ExecOptions } from "../../../src/tools/exec/Exec.ts"
import { exec } from "../../../src/tools/exec/Exec.ts"
import { runTool } from "../../../src/tools/Toolbox.ts"
import { toolContext } from "../../support/Tools.ts"
import { drive, folder, isRunning, pidsIn, until } from "./Processes.ts"

const run = Effect.fnUntraced(function* (input: unknown, options: ExecOptions) {
  const prepared = yield* Effect.fromResult(exec(options).prepare(input))
  return yield* runTool(prepared, toolContext())
})

/** The outcome of a command in a workspace of its own. */
const outcomeOf = Effect.fnUntraced(function* (command: string) {
  const path = yield* folder
  return yield* run({ command }, { workspace: () => path })
})

/** Sets a variable of the service's own environment until the test has ended. */
const setVariable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env[name]
      process.env[name] = value
      return before
    }),
    (before) =>
      Effect.sync(() => {
        delete process.env[name]
        if (before !== undefined) process.env[name] = before
      })
  )

describe("exec", () => {
  // On a clock that stands still: nothing is waited out when a command and its output have ended.
  it.effect.each<readonly [string, string]>([
    ["echo hello", "hello\n[exit code 0]"],
    ["true", "(no output)\n[exit code 0]"],
    ["echo sorry; exit 3", "sorry\n[exit code 3]"],
    ["kill -KILL $$", "(no output)\n[killed by SIGKILL]"],
    ["echo out; echo err >&2; echo out", "out\nerr\nout\n[exit code 0]"],
    ["echo err > /dev/stderr", "err\n[exit code 0]"],
    ["cat; echo $?", "0\n[exit code 0]"],
    ["printf '\\377ok'", "\ufffdok\n[exit code 0]"],
    ["echo \"$0\" '$(id)' \\`id\\`", "/bin/sh $(id) `id`\n[exit code 0]"]
  ])("runs %j", ([command, output]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcomeOf(command), { outcome: "succeeded", output })
    })
  )

  it.live("takes a command that looks like an option for a command", () =>
    Effect.gen(function* () {
      const { output } = yield* outcomeOf("-x")
      assert.include(output, "-x: not found")
      assert.include(output, "[exit code 127]")
    })
  )

  it.live("hides the service's environment from the command", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* setVariable("ANTHROPIC_API_KEY", "sk-secret")
      const { output } = yield* run({ command: "env" }, { workspace: () => path })
      assert.notInclude(output, "sk-secret")
      assert.include(output, `HOME=${path}\n`)
      assert.include(output, "TERM=dumb\n")
    })
  )

  it.live("runs in the agent's own folder, made private on demand", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const workspace = (agent: AgentId) => join(path, "workspaces", agent)
      const { output } = yield* run({ command: "pwd; mktemp" }, { workspace })
      const home = join(path, "workspaces", "main")
      assert.include(output, `${home}\n${home}/.tmp/`)
      for (const made of [join(path, "workspaces"), home]) assert.strictEqual(statSync(made).mode & 0o777, 0o700)
    })
  )

  it.live("keeps head and tail of a long output and counts the rest", () =>
    Effect.gen(function* () {
      const { output } = yield* outcomeOf("yes | head -c 10000000")
      assert.include(output, "\n[… 9,950,848 bytes left out …]\n")
      assert.match(output, /^y\ny\n.*y\n\[exit code 0\]$/s)
      assert.isBelow(output.length, 50_000)
    })
  )

  it.effect("stops a command at its time limit, with everything it started, and keeps what it wrote", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const command = "echo begun; (sleep 1000 & sleep 1000 & echo $$ $! > pids; wait) & wait"
      const fiber = yield* Effect.forkChild(run({ command, timeoutSeconds: 5 }, { workspace: () => path }))
      const pids = yield* pidsIn(join(path, "pids"))
      assert.deepStrictEqual(pids.map(isRunning), [true, true])
      yield* TestClock.adjust("5 seconds")
      yield* drive(fiber)
      const outcome = yield* Fiber.join(fiber)
      yield* until(() => !pids.some(isRunning))
      assert.deepStrictEqual(outcome, { outcome: "failed", output: "begun\n[stopped after 5 s]" })
    })
  )

  it.effect("kills what ignores a polite end when interrupted", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const command = "trap '' TERM; (sleep 1000; sleep 1000) & echo $$ $! > pids; while :; do sleep 1000; done"
      const fiber = yield* Effect.forkChild(run({ command }, { workspace: () => path }))
      const pids = yield* pidsIn(join(path, "pids"))
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* drive(interrupting)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* until(() => !pids.some(isRunning))
    })
  )

  it.live("does not wait for what was left in the background, and ends it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const outcome = yield* run({ command: "sleep 1000 & echo $! > pids; echo done" }, { workspace: () => path })
      assert.deepStrictEqual(outcome, { outcome: "succeeded", output: "done\n[exit code 0]" })
      const pids = yield* pidsIn(join(path, "pids"))
      yield* until(() => !pids.some(isRunning))
    })
  )

  it.live("does not wait for a process that left the group and kept the output open", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const command = "setsid sleep 1000 & echo $! > pids; echo done"
      const outcome = yield* run({ command }, { workspace: () => path })
      for (const pid of yield* pidsIn(join(path, "pids"))) process.kill(pid, "SIGKILL")
      assert.deepStrictEqual(outcome, { outcome: "succeeded", output: "done\n[exit code 0]" })
    })
  )

  it.live("leaves no file open behind", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const once = run({ command: "echo x" }, { workspace: () => path })
      yield* once
      const before = readdirSync("/proc/self/fd").length
      yield* Effect.all(
        Array.from({ length: 8 }, () => once),
        { concurrency: "unbounded" }
      )
      yield* until(() => readdirSync("/proc/self/fd").length <= before)
    })
  )

  it.live("says why a command was not run", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const noShell = yield* run({ command: "true" }, { workspace: () => path, shell: "/no/such/shell" })
      assert.strictEqual(noShell.outcome, "failed")
      assert.include(noShell.output, "The command was not run: /no/such/shell could not be started:")
      writeFileSync(join(path, "file"), "")
      const noFolder = yield* run({ command: "true" }, { workspace: () => join(path, "file") })
      assert.strictEqual(noFolder.outcome, "failed")
      assert.include(noFolder.output, "could not be made: ENOTDIR")
      yield* setVariable("TMPDIR", join(path, "missing"))
      const noPipe = yield* run({ command: "true" }, { workspace: () => path })
      assert.strictEqual(noPipe.outcome, "failed")
      assert.include(noPipe.output, "no pipe could be made for its output: ENOENT")
    })
  )

  it.each<readonly [unknown, string]>([
    [undefined, "Expected object"],
    [{}, "Missing key"],
    [{ command: "" }, "length of at least 1"],
    [{ command: "x".repeat(32_769) }, "length of at most 32768"],
    [{ command: "ls\0-la" }, "Expected text without NUL"],
    [{ command: "\ud800" }, "half characters"],
    [{ command: "ls", timeoutSeconds: 601 }, "between 1 and 600"],
    [{ command: "ls", timeoutSeconds: 1.5 }, "Expected an integer"],
    [{ command: "ls", cwd: "/" }, 'Expected no excess property\n  at ["cwd"]']
  ])("refuses %j", (input, message) => {
    const refused = exec({ workspace: () => "/w" }).prepare(input)
    assert.include(Result.getOrThrow(Result.flip(refused)).message, message)
  })

  it("judges every command unsafe and dangerous and shows all of it", () => {
    const tool = exec({ workspace: (agent) => `/w/${agent}` })
    const command = `rm -rf .\n# \u202e${"x".repeat(9000)}`
    const prepared = Result.getOrThrow(tool.prepare({ command }, AgentId.make("main")))
    assert.deepStrictEqual([prepared.effect, prepared.dangerous], ["unsafe", true])
    assert.strictEqual(prepared.summary, `in /w/main: rm -rf .\n# \\u{202e}${"x".repeat(9000)}`)
    assert.strictEqual(Result.getOrThrow(tool.prepare({ command: "ls" })).summary, "in the agent's workspace: ls")
  })

  it("describes its parameters to the model", () => {
    const schema = AiTool.getJsonSchema(exec({ workspace: () => "/w" }).definition)
    assert.match(JSON.stringify(schema), /"command":\{"type":"string","description":"The command/)
    assert.match(JSON.stringify(schema), /"required":\["command"\]/)
  })
})
