import { Effect, Layer } from "effect"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../support/SqliteStore.ts"
import { sessionStoreContract } from "../contracts/SessionStoreContract.ts"
import { filename } from "./sql/Database.ts"

sessionStoreContract("SessionStore.layerMemory", () => Layer.fresh(SessionStore.layerMemory))
sessionStoreContract("SqlSessionStore.layerSqlite", () =>
  Layer.unwrap(Effect.map(filename, (filename) => layerSqlite({ filename })))
)
