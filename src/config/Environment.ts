/**
 * Values from the environment in the text of a file.
 *
 * `${NAME}` stands for a variable, `${NAME:-default}` for a variable or, when it is unset or empty, the text
 * after `:-`; `$${` is a literal `${`. What a variable holds is never looked at for further placeholders.
 */

/** The variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Expansion {
  readonly text: string
  /** The variables that were asked for, in order. */
  readonly names: ReadonlyArray<string>
  /** Those that are neither set nor have a default. */
  readonly missing: ReadonlyArray<string>
  /** Whether there is a `${` that does not begin a placeholder. */
  readonly malformed: boolean
}

const placeholder = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/** The value of a variable. What every object inherits is no variable. */
export const lookup = (env: Environment, name: string): string | undefined =>
  Object.hasOwn(env, name) ? env[name] : undefined

/** Fills in every placeholder of a text; one that cannot be filled in becomes nothing. */
export const expand = (text: string, env: Environment): Expansion => {
  const names: Array<string> = []
  const missing: Array<string> = []
  let malformed = false
  const filled = text.replace(placeholder, (match: string, name: string | undefined, fallback: string | undefined) => {
    if (match === "$${") return "${"
    if (name === undefined) {
      malformed = true
      return ""
    }
    names.push(name)
    const value = lookup(env, name)
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value
    if (value === undefined) missing.push(name)
    return value ?? ""
  })
  return { text: filled, names, missing, malformed }
}
