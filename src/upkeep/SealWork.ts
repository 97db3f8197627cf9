/** Seals a backup, in a worker thread. */
import { performer } from "../threads/Job.ts"
import { seal as job } from "./ArchiveJobs.ts"
import { seal } from "./Collecting.ts"
import { format } from "./Manifest.ts"

export const perform = performer(job, ({ into, ...manifest }) => {
  seal(into, { format, ...manifest })
  return {}
})
