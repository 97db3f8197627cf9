import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  type FileInHand,
  linkTo,
  mediaTypeOf,
  misfitOf,
  misfitOfAll,
  mostFileBytes,
  mostLinkLength,
  mostFiles,
  typeOf
} from "../../src/agents/BroughtFile.ts"
import { MediaType } from "../../src/domain/Attachment.ts"
import { gif, jpeg, pdf, png, pngOf, text, webp } from "../support/Pictures.ts"

const kinds: Readonly<Record<MediaType, Uint8Array>> = {
  "image/jpeg": jpeg,
  "image/png": png,
  "image/gif": gif,
  "image/webp": webp,
  "application/pdf": pdf,
  "text/plain": text
}

const brought = (mediaType: MediaType, data: Uint8Array): FileInHand => ({ mediaType, data })

describe("a file on its way in", () => {
  for (const declared of MediaType.literals) {
    for (const actual of MediaType.literals) {
      // What a PDF of plain text is, is text as well.
      const fits = declared === actual || (declared === "text/plain" && actual === "application/pdf")
      it(`that is ${actual} ${fits ? "may" : "may not"} be called ${declared}`, () => {
        const misfit = misfitOf(brought(declared, kinds[actual]))
        assert.strictEqual(misfit?.field, fits ? undefined : "mediaType")
        if (!fits) assert.match(misfit?.detail ?? "", new RegExp(`"${declared}" is not what .* look like ${actual}$`))
      })
    }
  }

  it("is known by its first bytes", () => {
    for (const kind of MediaType.literals) assert.strictEqual(typeOf(kinds[kind]), kind)
    assert.strictEqual(typeOf(Buffer.from("MZ\0\0")), undefined)
    assert.strictEqual(typeOf(Buffer.from([0xff, 0xfe])), undefined)
    assert.strictEqual(typeOf(Buffer.concat([Buffer.from("\n\n"), pdf])), "application/pdf")
  })

  it("has something in it, and no more than the limit", () => {
    assert.deepInclude(misfitOf(brought("text/plain", Buffer.alloc(0))), { field: "data", detail: "the file is empty" })
    assert.isUndefined(misfitOf(brought("image/png", pngOf(mostFileBytes))))
    assert.match(misfitOf(brought("image/png", pngOf(mostFileBytes + 1)))?.detail ?? "", /5242881 .* at most 5242880/)
  })

  it("comes with a few others, and with so many bytes together", () => {
    const small = brought("image/png", png)
    assert.isUndefined(misfitOfAll(Array.from({ length: mostFiles }, () => small)))
    assert.match(misfitOfAll(Array.from({ length: mostFiles + 1 }, () => small)) ?? "", /11 files .* at most 10/)
    const large = brought("image/png", pngOf(4 * 1024 * 1024))
    assert.isUndefined(misfitOfAll([large, large]))
    assert.match(misfitOfAll([large, large, small]) ?? "", /8388677 bytes together, .* at most 8388608/)
  })

  it.prop("is judged whatever is in it", [Schema.Uint8Array, MediaType], ([data, mediaType]) => {
    const misfit = misfitOf({ data, mediaType })
    const type = typeOf(data)
    if (misfit === undefined) assert.isTrue(type !== undefined && data.length > 0)
    if (type === mediaType && data.length > 0) assert.isUndefined(misfit)
  })

  it("may have parameters in its type", () => {
    assert.strictEqual(mediaTypeOf("Text/Plain; charset=utf-8"), "text/plain")
    assert.strictEqual(mediaTypeOf("image/svg+xml"), undefined)
    assert.strictEqual(mediaTypeOf(""), undefined)
  })

  it("may be a link to the web, and to nothing else", () => {
    const links: ReadonlyArray<readonly [url: string, mediaType: MediaType | undefined]> = [
      ["https://example.org/a.png", "image/png"],
      ["http://example.org/a.JPG?b=c.gif", "image/jpeg"],
      ["https://example.org/a", "image/jpeg"],
      ["https://example.org/a.pdf", "image/jpeg"],
      ["file:///etc/passwd", undefined],
      ["ftp://example.org/a.png", undefined],
      [`https://example.org/${"a".repeat(mostLinkLength - 20)}`, "image/jpeg"],
      [`https://example.org/${"ä".repeat(mostLinkLength / 4)}`, undefined],
      ["not a link", undefined]
    ]
    for (const [url, mediaType] of links) assert.strictEqual(linkTo(url)?.mediaType, mediaType, url)
  })
})
