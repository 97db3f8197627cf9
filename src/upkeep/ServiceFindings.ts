/** What a running service says of itself, as findings. */
import { type Finding, ok, problem, warning } from "./Finding.ts"

/** A service as its own calls show it. */
export interface ServiceView {
  readonly url: string
  /** What keeps it from being ready, one sentence each; none when it is. */
  readonly reasons: ReadonlyArray<string>
  /** Nodes of its tree that are not well, as text; undefined where the tree may not be seen. */
  readonly troubled: ReadonlyArray<string> | undefined
}

const where = "service"

/** Nobody has the data folder. */
export const stopped: Finding = ok(where, "no service uses this data folder")

/** Somebody has the data folder, and does not answer. */
export const silent = (url: string): Finding =>
  problem(
    where,
    `a service has the data folder locked, and does not answer at ${url}`,
    "it is starting or stopping, hangs, or listens elsewhere",
    "look at its log; ask it with `fiberclaw status --url URL`"
  )

/** A service that answers. */
export const answering = ({ reasons, troubled, url }: ServiceView): ReadonlyArray<Finding> => [
  reasons.length === 0
    ? ok(where, `it runs at ${url}, and is ready`)
    : problem(
        where,
        `it runs at ${url}, and is not ready: ${reasons.join("; ")}`,
        "some of what it is asked it cannot do",
        "see `fiberclaw status`, and the findings below"
      ),
  ...(troubled ?? []).map((node) =>
    problem(
      "supervision tree",
      node,
      "its supervisor has given up on it, or keeps starting it anew",
      "do what its reason asks for; then `fiberclaw tree restart PATH`"
    )
  ),
  ...(troubled === undefined
    ? [
        warning(
          "supervision tree",
          "it cannot be seen",
          "parked and failing parts are not listed here",
          "give an access token with --token or FIBERCLAW_ADMIN_TOKEN"
        )
      ]
    : [])
]
