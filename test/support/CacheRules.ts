/**
 * What the Messages API demands of breakpoints for its prompt cache: at most four, those that last longer first.
 *
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** What is wrong with the breakpoints of a request; empty when nothing is. */
export const cacheFaults = ({ cache_control, messages, system, tools }: Json): ReadonlyArray<string> => {
  // The order in which the prompt is put together; the one on top stands for a last one.
  const marks = [...[tools, system, messages].flatMap(marksIn), ...(isObject(cache_control) ? [cache_control] : [])]
  const hours = marks.map(({ ttl }) => ttl === "1h")
  const isMixed = hours.some((isHour, index) => isHour && hours[index - 1] === false)
  return [
    ...(marks.length > 4 ? [`cache_control: a maximum of 4 blocks may have one, found ${marks.length}`] : []),
    ...(isMixed ? ["cache_control: one of 1h must not come after one of 5m"] : [])
  ]
}

/** Those of a list of tools, blocks or messages, and of what these contain. */
const marksIn = (value: unknown): ReadonlyArray<Json> => {
  if (!Array.isArray(value)) return []
  return value.filter(isObject).flatMap(({ cache_control, content }) => {
    const inside = marksIn(content)
    return isObject(cache_control) ? [...inside, cache_control] : inside
  })
}
