import { assert, describe, it } from "@effect/vitest"
import { commandEnvironment } from "../../../src/tools/exec/CommandEnvironment.ts"

describe("commandEnvironment", () => {
  it("passes only what is on the list", () => {
    const service = {
      PATH: "/bin",
      LANG: "C.UTF-8",
      LC_ALL: "C",
      TZ: "UTC",
      USER: "ada",
      HOME: "/root",
      TERM: "xterm",
      XPATH: "no",
      LC_secret: "no",
      ANTHROPIC_API_KEY: "no",
      NODE_OPTIONS: "no"
    }
    assert.deepStrictEqual(commandEnvironment(service, "/w"), {
      PATH: "/bin",
      LANG: "C.UTF-8",
      LC_ALL: "C",
      TZ: "UTC",
      USER: "ada",
      HOME: "/w",
      TMPDIR: "/w/.tmp",
      TERM: "dumb"
    })
  })

  it("finds the usual commands when the service has no PATH", () => {
    assert.include(commandEnvironment({ PATH: undefined }, "/w")["PATH"], "/bin")
  })
})
