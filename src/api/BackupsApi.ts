/** Backups of everything the service keeps: those there are, and making one. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { BackupStatus } from "../upkeep/Backups.ts"
import { Authorization } from "./Access.ts"
import { Conflict, Forbidden } from "./Problems.ts"

const needed = "Needs the role admin, with a token that is bound to no tenant."

export class BackupsApi extends HttpApiGroup.make("backups")
  .add(
    HttpApiEndpoint.get("backups", "/backups", {
      success: Schema.Struct({ backups: Schema.Array(BackupStatus) }),
      error: Forbidden
    }).annotate(
      OpenApi.Description,
      "All backups in the data folder, the newest first; also the one that is being made, and the last that failed, " +
        `with the reason, as long as the service runs. ${needed}`
    ),
    HttpApiEndpoint.post("backUp", "/backups", {
      success: BackupStatus.pipe(HttpApiSchema.status(202)),
      error: [Forbidden, Conflict]
    }).annotate(
      OpenApi.Description,
      "Begins to make a backup of all databases, the administrator's token and the workspaces in `backups` in the data " +
        "folder. It goes on behind the answer; the list says when it is complete. 409 while another is being made. " +
        needed
    )
  )
  .middleware(Authorization)
  .prefix("/api/v1") {}
