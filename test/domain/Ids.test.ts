import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { AgentId, ApprovalId, CallId, SessionId, TenantId, TurnId } from "../../src/domain/Ids.ts"

const takes = (schema: Schema.Codec<unknown, string>) => (text: string) => Schema.is(schema)(text as never)

describe("ids", () => {
  for (const [name, id] of Object.entries({ TenantId, AgentId })) {
    it(`${name} names a folder or a file and nothing else`, () => {
      for (const good of ["a", "0", "main", "my-agent_2", "a".repeat(63)]) assert.isTrue(takes(id)(good), good)
      for (const bad of ["", "A", "-a", "_a", ".", "..", "a.b", "a/b", "a b", "ä", "a\n", "a".repeat(64)]) {
        assert.isFalse(takes(id)(bad), JSON.stringify(bad))
      }
    })
  }

  for (const [name, id] of Object.entries({ SessionId, TurnId, ApprovalId })) {
    it(`${name} can be part of a path of an address`, () => {
      for (const good of ["a", "A.b:c@d+e-f_g", "discord:123", "a".repeat(128)]) assert.isTrue(takes(id)(good), good)
      for (const bad of ["", ".", "..", ".a", "a/b", "a?b", "a#b", "a%2Fb", "a b", "a\n", "a".repeat(129)]) {
        assert.isFalse(takes(id)(bad), JSON.stringify(bad))
      }
    })

    it.prop(`${name} reads the same in an address`, [id], ([value]) =>
      assert.strictEqual(
        decodeURIComponent(new URL(`http://localhost/x/${value}/y`).pathname.split("/")[2] ?? ""),
        value
      )
    )
  }

  it("CallId is whatever the model says, but something", () => {
    assert.isTrue(takes(CallId)("toolu_01 / anything"))
    assert.isFalse(takes(CallId)(""))
  })
})
