import { assert, describe, it } from "@effect/vitest"
import { includes, Role, reaches } from "../../src/domain/Access.ts"
import { TenantId } from "../../src/domain/Ids.ts"

describe("a role", () => {
  it("may do what it is for and all that the ones before it may", () => {
    const table = Role.literals.map((role) => Role.literals.filter((needed) => includes(role, needed)))
    assert.deepStrictEqual(table, [
      ["viewer"],
      ["viewer", "user"],
      ["viewer", "user", "operator"],
      ["viewer", "user", "operator", "admin"]
    ])
  })
})

describe("a caller", () => {
  const [own, other] = [TenantId.make("own"), TenantId.make("other")]

  it("with a tenant reaches that one only, whatever the role", () => {
    assert.isTrue(reaches({ id: "1", name: "ada", role: "viewer", tenant: own }, own))
    assert.isFalse(reaches({ id: "1", name: "ada", role: "admin", tenant: own }, other))
  })

  it("without a tenant reaches every one", () =>
    assert.isTrue(reaches({ id: "1", name: "ada", role: "viewer" }, other)))
})
