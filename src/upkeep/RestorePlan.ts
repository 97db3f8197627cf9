/**
 * In which steps a backup takes the place of a data folder, as a pure plan.
 *
 * Every step but the first is one rename, so a crash leaves the old data or the new, whole: between the third step and
 * the fourth nothing stands in the folder's place, and whoever comes next, a start of the service included, takes the
 * fourth (`settle`). What was there before is renamed, and never deleted.
 */

export type Step =
  /** Copy the backup, verified, into a folder that nobody looks at. */
  | { readonly _tag: "Stage"; readonly from: string; readonly to: string }
  | { readonly _tag: "Rename"; readonly from: string; readonly to: string; readonly ifThere: boolean }

export interface Restoring {
  /** The backup's folder. */
  readonly backup: string
  readonly data: string
  /** Whether anything is in `data`'s place. */
  readonly replaces: boolean
  /** Whether there are backups in it, which stay with the folder. */
  readonly hasBackups: boolean
  /** Makes names unique: the instant of the restore. */
  readonly stamp: string
}

/** Where a restored folder waits to be put in its place. It is whole: from here on the restore cannot fail half-way. */
export const readyFolder = (data: string) => `${data}.restored`

/** Where a backup is unpacked. */
const stagingFolder = (data: string, stamp: string) => `${data}.restoring-${stamp}`

/** What was in the folder's place before. */
export const formerFolder = (data: string, stamp: string) => `${data}.before-restore-${stamp}`

/** The steps, in order. */
export const plan = ({ backup, data, hasBackups, replaces, stamp }: Restoring): ReadonlyArray<Step> => {
  const staging = stagingFolder(data, stamp)
  const former = formerFolder(data, stamp)
  const rename = (from: string, to: string, ifThere = false): Step => ({ _tag: "Rename", from, to, ifThere })
  return [
    { _tag: "Stage", from: backup, to: staging },
    rename(staging, readyFolder(data)),
    ...(replaces ? [rename(data, former)] : []),
    // A service that was started in this very moment has done it already.
    rename(readyFolder(data), data, true),
    ...(replaces && hasBackups ? [rename(`${former}/backups`, `${data}/backups`)] : [])
  ]
}

/**
 * What to do first, wherever an earlier restore was cut off. `finish`: the old folder was put aside, and the new one waits.
 * `discard`: a copy was ready, and the old folder stayed in force.
 */
export const settle = (there: { readonly data: boolean; readonly ready: boolean }): "nothing" | "finish" | "discard" =>
  there.ready ? (there.data ? "discard" : "finish") : "nothing"
