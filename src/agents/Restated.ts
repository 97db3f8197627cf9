/**
 * Takes out of a reply what it repeats of the text it was to go on with: pure.
 *
 * A model that is asked to go on where it stopped may begin anew all the same. Where it says word for word what a person
 * has seen already, only what follows is new; as soon as it says anything else it is left as it is.
 */
import type { ProviderPart } from "../providers/Provider.ts"

/** What is new of each stretch of parts, in their order; nothing is held back beyond the end of a text. */
export const withoutRestated = (
  said: string
): ((parts: ReadonlyArray<ProviderPart>) => ReadonlyArray<ProviderPart>) => {
  if (said === "") return (parts) => parts
  let held: Delta | undefined
  let isOpen = true
  const fresh = (part: Delta): ReadonlyArray<ProviderPart> => {
    held = { ...part, delta: (held?.delta ?? "") + part.delta }
    if (said.startsWith(held.delta) && held.delta !== said) return []
    isOpen = false
    const delta = held.delta.startsWith(said) ? held.delta.slice(said.length) : held.delta
    return delta === "" ? [] : [{ ...part, delta }]
  }
  /** What looked like a repetition and stopped short of it was none. */
  const release = (): ReadonlyArray<ProviderPart> => {
    isOpen = held === undefined
    return held === undefined ? [] : [held]
  }
  return (parts) =>
    parts.flatMap((part) => {
      if (!isOpen) return [part]
      if (part.type === "text-delta") return fresh(part)
      return part.type === "text-end" || part.type === "finish" ? [...release(), part] : [part]
    })
}

type Delta = Extract<ProviderPart, { readonly type: "text-delta" }>
