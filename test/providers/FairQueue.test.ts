import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { make } from "../../src/providers/FairQueue.ts"

const order = (items: ReadonlyArray<string>) => {
  const queue = make<string, string>()
  for (const item of items) queue.push(item[0] ?? "", item)
  const taken: Array<string> = []
  for (let head = queue.head; head !== undefined; head = queue.head) {
    taken.push(head)
    queue.shift()
  }
  assert.isTrue(queue.isEmpty)
  return taken
}

describe("FairQueue", () => {
  it("serves one of each key after the other, in their order within a key", () => {
    assert.deepStrictEqual(order(["a1", "a2", "a3", "b1", "c1", "b2"]), ["a1", "b1", "c1", "a2", "b2", "a3"])
  })

  it("puts a key that was served behind all others, even when it comes back", () => {
    const queue = make<string, string>()
    for (const item of ["a1", "b1", "c1"]) queue.push(item[0] ?? "", item)
    queue.shift()
    queue.push("a", "a2")
    const heads = [1, 2, 3].map(() => {
      const { head } = queue
      queue.shift()
      return head
    })
    assert.deepStrictEqual(heads, ["b1", "c1", "a2"])
  })

  it("passes the place of one who leaves to the next of its key", () => {
    const queue = make<string, string>()
    for (const item of ["a1", "a2", "b1"]) queue.push(item[0] ?? "", item)
    assert.strictEqual(queue.head, "a1")
    queue.remove("a", "a1")
    assert.strictEqual(queue.head, "a2")
    queue.remove("a", "a2")
    assert.strictEqual(queue.head, "b1")
    queue.remove("a", "a2")
    queue.remove("b", "b1")
    assert.isTrue(queue.isEmpty)
    assert.isUndefined(queue.head)
  })

  const keys = ["a", "b", "c", "d"] as const

  it.prop(
    "lets nobody at the head of a key wait for more than one of each other key",
    [Schema.Array(Schema.Literals(keys)).check(Schema.isMaxLength(40))],
    ([pushed]) => {
      const items = pushed.map((key, index) => `${key}${index}`)
      const taken = order(items)
      assert.sameMembers(taken, items)
      const last = new Map<string, number>()
      for (const [index, item] of taken.entries()) {
        const key = item[0] ?? ""
        assert.isAtMost(index - (last.get(key) ?? index), keys.length)
        last.set(key, index)
      }
      for (const key of keys) {
        const own = (item: string) => item.startsWith(key)
        assert.deepStrictEqual(taken.filter(own), items.filter(own))
      }
    },
    { arbitrary: { runs: 300 } }
  )
})
