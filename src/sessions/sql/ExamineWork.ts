/** Checks the laws of the logs, in a worker thread. */
import { performer } from "../../threads/Job.ts"
import { examine } from "./Inspection.ts"
import { examine as job } from "./InspectionJobs.ts"

export const perform = performer(job, examine)
