/** What is where in a data folder, and which of it a backup takes. */

/** The service's own database, which is also the lock on the folder. */
export const serviceDatabase = "fiberclaw.sqlite"

/** The administrator's token. */
export const tokenFile = "admin.token"

/** Where a service that runs, or ran last, is reached. */
export const urlFile = "fiberclaw.url"

/** The tenants' folders. */
export const tenants = "tenants"

/** A tenant's database, in its folder. */
export const tenantDatabase = "sessions.sqlite"

/** The agents' own folders, in a tenant's. */
export const workspaces = "workspaces"

/** The backups the service makes. */
export const backups = "backups"

/** A database with the files SQLite keeps beside it (https://sqlite.org/tempfiles.html). */
export const databaseFiles = (database: string): ReadonlyArray<string> => [
  database,
  `${database}-wal`,
  `${database}-shm`,
  `${database}-journal`
]
