/** Copies a database, in a worker thread. */
import { performer } from "../../threads/Job.ts"
import { snapshot } from "./Inspection.ts"
import { snapshot as job } from "./InspectionJobs.ts"

export const perform = performer(job, ({ from, to }) => {
  snapshot(from, to)
  return {}
})
