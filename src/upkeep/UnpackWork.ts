/** Reads a backup, in a worker thread. */
import { performer } from "../threads/Job.ts"
import { unpack as job } from "./ArchiveJobs.ts"
import { unpack } from "./Unpacking.ts"

export const perform = performer(job, ({ from, target }) => unpack(from, target))
