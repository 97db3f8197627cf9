/** What of a database's inspection runs in worker threads, described for both sides. */
import * as Schema from "effect/Schema"
import * as Job from "../../threads/Job.ts"
import { Kind, Stretch, StretchRequest, Survey } from "../../upkeep/Databases.ts"

export const survey = Job.make({
  name: "survey a database",
  module: new URL("./SurveyWork.ts", import.meta.url),
  input: Schema.Struct({ file: Schema.String, kind: Kind, thorough: Schema.Boolean }),
  output: Survey
})

export const examine = Job.make({
  name: "examine the logs",
  module: new URL("./ExamineWork.ts", import.meta.url),
  input: StretchRequest,
  output: Stretch
})

export const snapshot = Job.make({
  name: "copy a database",
  module: new URL("./SnapshotWork.ts", import.meta.url),
  input: Schema.Struct({ from: Schema.String, to: Schema.String }),
  output: Schema.Struct({})
})
