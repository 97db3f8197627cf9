import { Effect, Layer } from "effect"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../support/SqliteStore.ts"
import { sessionAccessContract } from "../contracts/SessionAccessContract.ts"
import { sessionFilesContract } from "../contracts/SessionFilesContract.ts"
import { sessionStoreContract } from "../contracts/SessionStoreContract.ts"
import { filename } from "./sql/Database.ts"

for (const contract of [sessionStoreContract, sessionAccessContract, sessionFilesContract]) {
  contract("SessionStore.layerMemory", () => Layer.fresh(SessionStore.layerMemory))
  contract("SqlSessionStore.layerSqlite", () =>
    Layer.unwrap(Effect.map(filename, (filename) => layerSqlite({ filename })))
  )
}
