/** Looks at a database as a whole, in a worker thread. */
import { performer } from "../../threads/Job.ts"
import { survey } from "./Inspection.ts"
import { survey as job } from "./InspectionJobs.ts"

export const perform = performer(job, ({ file, kind, thorough }) => survey(file, kind, thorough))
