import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { defaults } from "../../src/config/ConfigLoader.ts"
import { render } from "../../src/config/Fault.ts"
import { locations, override } from "../../src/config/Overrides.ts"

const env = {
  FIBERCLAW_HOST: "::1",
  FIBERCLAW_PORT: "5000",
  FIBERCLAW_LOG_LEVEL: "debug",
  FIBERCLAW_LOG_FORMAT: "pretty"
}

describe("Overrides", () => {
  it("lets a flag win over the environment, and the environment over the file", () => {
    const settled = Result.getOrThrow(override(defaults, { flags: { port: 6000, logLevel: "warn" }, env }))
    assert.deepStrictEqual(settled.http, { ...defaults.http, host: "::1", port: 6000 })
    assert.deepStrictEqual(settled.log, { level: "warn", format: "pretty" })
    assert.deepStrictEqual(settled.drain, defaults.drain)
  })

  it("keeps the file's values when nothing stands above them, an empty variable included", () => {
    const empty = { FIBERCLAW_PORT: "", FIBERCLAW_HOST: undefined }
    assert.deepStrictEqual(override(defaults, { flags: {}, env: empty }), Result.succeed(defaults))
  })

  it("names the variable or the flag of every bad value", () => {
    const bad = { FIBERCLAW_HOST: " ", FIBERCLAW_PORT: "70000", FIBERCLAW_LOG_LEVEL: "inf" }
    const faults = Result.getOrThrow(Result.flip(override(defaults, { flags: { logFormat: "xml" }, env: bad })))
    assert.deepStrictEqual(faults.map(render), [
      'environment variable FIBERCLAW_HOST: expected text that is not empty, got " "',
      'environment variable FIBERCLAW_PORT: expected a port number (0 to 65535), got "70000"',
      'environment variable FIBERCLAW_LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, got "inf", ' +
        "did you mean `info`?",
      'flag --log-format: expected one of json, pretty, got "xml"'
    ])
    assert.deepStrictEqual(
      faults.map(({ path }) => path),
      ["http.host", "http.port", "log.level", "log.format"]
    )
  })

  it("finds the folders by flag, environment, default", () => {
    const folders = { FIBERCLAW_CONFIG: "/etc/fiberclaw", FIBERCLAW_DATA: "" }
    assert.deepStrictEqual(locations({}, {}), { config: "config", data: "data" })
    assert.deepStrictEqual(locations({}, folders), { config: "/etc/fiberclaw", data: "data" })
    assert.deepStrictEqual(locations({ config: "here", data: "there" }, folders), { config: "here", data: "there" })
  })
})
