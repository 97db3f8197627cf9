/** What of making and reading backups runs in worker threads, described for both sides. */
import * as Schema from "effect/Schema"
import * as Job from "../threads/Job.ts"
import { Manifest } from "./Manifest.ts"

export const collect = Job.make({
  name: "copy files into a backup",
  module: new URL("./CollectWork.ts", import.meta.url),
  input: Schema.Struct({
    into: Schema.String,
    present: Schema.Array(Schema.String),
    copies: Schema.Array(Schema.Struct({ from: Schema.String, to: Schema.String, except: Schema.Array(Schema.String) }))
  }),
  output: Schema.Struct({ files: Schema.Int, bytes: Schema.Int, skipped: Schema.Int })
})

export const seal = Job.make({
  name: "seal a backup",
  module: new URL("./SealWork.ts", import.meta.url),
  input: Schema.Struct({
    into: Schema.String,
    version: Schema.String,
    createdAt: Schema.String,
    files: Schema.Int,
    bytes: Schema.Int,
    skipped: Schema.Int
  }),
  output: Schema.Struct({})
})

export const unpack = Job.make({
  name: "read a backup",
  module: new URL("./UnpackWork.ts", import.meta.url),
  input: Schema.Struct({
    from: Schema.String,
    target: Schema.NullOr(Schema.Struct({ folder: Schema.String, as: Schema.Literals(["backup", "data"]) }))
  }),
  output: Manifest
})
