/** Copies files into a backup, in a worker thread. */
import { performer } from "../threads/Job.ts"
import { collect as job } from "./ArchiveJobs.ts"
import { collect } from "./Collecting.ts"

export const perform = performer(job, collect)
