/** What was seen of a database, as findings: what it means, and what to do about it. */
import type { Kind, Law, Stretch, Survey } from "./Databases.ts"
import { counted, type Finding, ok, problem, warning } from "./Finding.ts"

const restoreIt =
  "stop the service, keep a copy of the file, and restore a backup (`fiberclaw restore`); without one, " +
  "`sqlite3 FILE .recover` saves what can be read"

const affects: Readonly<Record<Kind, string>> = {
  service: "the service does not start",
  sessions: "this tenant's sessions are not to be had; other tenants are not affected"
}

/** The most a write-ahead log should hold, in bytes: a thousand pages are written back at once, unless somebody reads. */
const longWal = 256 * 1024 * 1024

/** What follows from how a database looks as a whole. */
export const ofSurvey = (where: string, kind: Kind, survey: Survey): ReadonlyArray<Finding> => {
  const { damage, detail, known, state, version } = survey
  switch (state) {
    case "missing":
      return [ok(where, "not there yet; the first start makes it")]
    case "locked":
      return kind === "service"
        ? [ok(where, "in use by a running service, which keeps it to itself; it was asked instead")]
        : [
            problem(
              where,
              "another program has it locked",
              affects[kind],
              "find that program with `fuser FILE`; stop it"
            )
          ]
    case "foreign":
      return [problem(where, `it is no database (${detail})`, affects[kind], restoreIt)]
    case "damaged":
      return [problem(where, `the file is damaged (${detail})`, affects[kind], restoreIt)]
    case "unreadable":
      return [
        problem(where, `it cannot be opened (${detail})`, affects[kind], "check its owner, its mode and its folder's")
      ]
    case "open":
      if (damage.length > 0)
        return [problem(where, `pages are damaged: ${damage.join("; ")}`, affects[kind], restoreIt)]
      return version > known ? [newer(where, kind, survey)] : sound(where, survey)
  }
}

const newer = (where: string, kind: Kind, { known, version }: Survey) =>
  problem(
    where,
    `its tables are of version ${version}, and this fiberclaw knows versions up to ${known}`,
    `a newer fiberclaw has used it; with this one ${affects[kind]}`,
    "start the newer fiberclaw, or restore a backup from before it"
  )

const sound = (where: string, { bytes, events, known, sessions, version, wal }: Survey): ReadonlyArray<Finding> => {
  const size = `${megabytes(bytes)}, version ${version}`
  const rows = sessions === 0 ? "" : `, ${counted(sessions, "session")}, ${counted(events, "event")}`
  const older = version < known ? "; the next start brings its tables up to date" : ""
  return [
    ok(where, `sound: ${size}${rows}${older}`),
    ...(wal > longWal
      ? [
          warning(
            where,
            `its write-ahead log holds ${megabytes(wal)}`,
            "it could not be written back: something has read the database for long, or the service was killed",
            "end what reads it; a restart of the service writes it back"
          )
        ]
      : [])
  ]
}

/** A size for people. */
export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`

interface Meaning {
  readonly severity: "warning" | "problem"
  readonly what: string
  readonly meaning: string
  readonly remedy: string
}

const meanings: Readonly<Record<Law, Meaning>> = {
  sequence: {
    severity: "problem",
    what: "logs have gaps",
    meaning: "events were lost: what these sessions did is not known in full",
    remedy: "restore a backup, or delete these sessions"
  },
  row: {
    severity: "problem",
    what: "sessions are not as their last events say",
    meaning: "they are listed wrongly, and messages to them may be refused as conflicts",
    remedy: "restore a backup; nothing but the service may write into its databases"
  },
  body: {
    severity: "problem",
    what: "events cannot be read",
    meaning: "these sessions cannot be opened: whatever is sent to them is refused",
    remedy: "restore a backup, or delete these sessions; if another version wrote them, start that one"
  },
  unfinished: {
    severity: "problem",
    what: "turns are kept otherwise than their logs say",
    meaning: "a turn may not be taken up after a start, or is taken up for nothing",
    remedy: "restore a backup; nothing but the service may write into its databases"
  },
  approval: {
    severity: "problem",
    what: "approvals are kept otherwise than their logs say",
    meaning: "a person may be asked for something that nobody waits for, or not be asked",
    remedy: "restore a backup; nothing but the service may write into its databases"
  },
  file: {
    severity: "warning",
    what: "files that messages brought are not there",
    meaning: "the model is told that they are not, and nobody can have them back",
    remedy: "restore a backup; a session that was imported without them never had them"
  },
  orphan: {
    severity: "warning",
    what: "logs or files belong to no session",
    meaning:
      "a message, a deletion, a fork or an import is under way, or was cut off; this takes room, and does no harm",
    remedy: "nothing: the next start removes what is left of it"
  },
  stray: {
    severity: "problem",
    what: "rows belong to no session",
    meaning: "something else than the service has written into its database; they take room, and are never used",
    remedy: "restore a backup; nothing but the service may write into its databases"
  }
}

/** How many places one finding names. */
const named = 5

/** What follows from all that was seen of the logs. */
export const ofLogs = (where: string, stretches: Stretch, deep: boolean): ReadonlyArray<Finding> => {
  const { breaches, events, more, sessions } = stretches
  const laws = Map.groupBy(breaches, ({ law }) => law)
  const found = [...laws].map(([law, places]) => {
    const { meaning, remedy, severity, what } = meanings[law]
    const some = places
      .slice(0, named)
      .map(({ detail, session }) => (session === "" ? detail : `${session}: ${detail}`))
    const others = places.length > named ? `; and ${places.length - named} more` : ""
    return (severity === "problem" ? problem : warning)(where, `${what} (${some.join("; ")}${others})`, meaning, remedy)
  })
  if (more > 0) {
    found.push(
      problem(where, `${more} more faults are not listed`, "this is not the whole list", "begin with those above")
    )
  }
  if (found.length > 0) return found
  const how = deep ? "every one decoded" : "the newest of each session decoded; --deep decodes all"
  return [
    ok(where, `the logs are as they should be: ${counted(sessions, "session")}, ${counted(events, "event")}, ${how}`)
  ]
}

/** The most places that are remembered of one database. */
const most = 100

/** What was seen before, and of the next stretch. */
export const together = (before: Stretch, next: Stretch): Stretch => {
  const breaches = [...before.breaches, ...next.breaches]
  return {
    next: next.next,
    sessions: before.sessions + next.sessions,
    events: before.events + next.events,
    breaches: breaches.slice(0, most),
    more: before.more + next.more + Math.max(0, breaches.length - most)
  }
}
