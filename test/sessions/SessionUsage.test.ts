import { Effect, Layer } from "effect"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { sessionUsageContract } from "../contracts/SessionUsageContract.ts"
import { layerSqlite } from "../support/SqliteStore.ts"
import { filename } from "./sql/Database.ts"

sessionUsageContract("SessionStore.layerMemory", () => Layer.fresh(SessionStore.layerMemory))
sessionUsageContract("SqlSessionStore.layerSqlite", () =>
  Layer.unwrap(Effect.map(filename, (filename) => layerSqlite({ filename })))
)
