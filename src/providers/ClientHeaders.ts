/** What the official clients would send of the service's own environment, and must not. */

/**
 * Headers for a client that would send what this variable holds, a header to a line, with every request, whichever
 * tenant's server it goes to: each of them as null, which is never sent.
 */
export const unasked = (variable: string): Record<string, null> => {
  const names = (process.env[variable] ?? "").split("\n").map((line) => line.split(":"))
  return Object.fromEntries(names.flatMap(([name, value]) => (value === undefined ? [] : [[name?.trim(), null]])))
}
