/**
 * Access tokens of the service.
 *
 * A token is shown once, when it is made, and kept as a SHA-256 hash only: its secret has 256 random bits, so a
 * slow hash would add nothing (NIST SP 800-63B section 5.1.1.2 asks for one for passwords people choose).
 * Comparisons take the same time whatever they compare.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { type Caller, Role, Token } from "../domain/Access.ts"
import { TenantId } from "../domain/Ids.ts"

/** There is no token of this id, or it was revoked. */
export class TokenUnknown extends Schema.TaggedError<TokenUnknown>()("TokenUnknown", { id: Schema.String }) {
  override get message() {
    return `there is no token ${this.id}`
  }
}

/** The tokens could not be read or written. */
export class TokensUnavailable extends Schema.TaggedError<TokensUnavailable>()("TokensUnavailable", {
  cause: Schema.Defect()
}) {
  override get message() {
    return "the tokens cannot be read or written now"
  }
}

export class Tokens extends Context.Service<
  Tokens,
  {
    /** Who holds this token; none if nobody does. */
    authenticate(token: Redacted.Redacted): Option.Option<Caller>
    /** Makes a token; its text is never to be had again. */
    create(options: {
      readonly name: string
      readonly role: Role
      readonly tenant?: TenantId | undefined
    }): Effect.Effect<{ readonly token: Token; readonly secret: Redacted.Redacted }, TokensUnavailable>
    /** Every token that has not been revoked, oldest first. */
    readonly all: Effect.Effect<ReadonlyArray<Token>>
    /** From now on nobody gets in with it. */
    revoke(id: string): Effect.Effect<void, TokenUnknown | TokensUnavailable>
  }
>()("fiberclaw/tenants/Tokens") {
  /** Tokens in the service's own database; `admin` is the administrator's token. */
  static readonly layerSql = (options: { readonly admin: Redacted.Redacted }) =>
    Layer.effect(Tokens, make(options.admin))
}

const Row = Schema.Struct({
  id: Schema.String,
  hash: Schema.String,
  name: Schema.String,
  role: Role,
  tenant: Schema.NullOr(TenantId),
  created_at: Schema.String
})
type Row = typeof Row.Type

const migrations = Migrator.fromRecord({
  "0001_tokens": Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`CREATE TABLE tokens (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, tenant TEXT, created_at TEXT NOT NULL
    )`
  )
})

/** What is on disk and what is known change together, also when whoever asked goes away in between. */
const make = Effect.fnUntraced(function* (admin: Redacted.Redacted) {
  const sql = yield* SqlClient.SqlClient
  yield* Migrator.make({})({ loader: migrations, table: "token_migrations" })
  const rows = yield* Schema.decodeUnknownEffect(Schema.Array(Row))(
    yield* sql`SELECT id, hash, name, role, tenant, created_at FROM tokens ORDER BY created_at, id`
  )
  const known = new Map(rows.map((row) => [row.id, row]))
  const administrator = digest(Redacted.value(admin))

  const authenticate = (token: Redacted.Redacted): Option.Option<Caller> => {
    const text = Redacted.value(token)
    if (timingSafeEqual(digest(text), administrator)) return Option.some({ id: "admin", name: "admin", role: "admin" })
    const row = known.get(text.split("_")[1] ?? "")
    return row !== undefined && timingSafeEqual(digest(text), Buffer.from(row.hash, "hex"))
      ? Option.some({ id: row.id, name: row.name, role: row.role, tenant: row.tenant ?? undefined })
      : Option.none()
  }

  const create = Effect.fn("Tokens.create")(
    function* (options: { readonly name: string; readonly role: Role; readonly tenant?: TenantId | undefined }) {
      const id = randomBytes(8).toString("hex")
      const secret = `fc_${id}_${randomBytes(32).toString("base64url")}`
      const created_at = DateTime.formatIso(yield* DateTime.now)
      const { name, role, tenant = null } = options
      const row: Row = { id, hash: digest(secret).toString("hex"), name, role, tenant, created_at }
      yield* sql`INSERT INTO tokens ${sql.insert(row)}`
      known.set(id, row)
      return { token: tokenOf(row), secret: Redacted.make(secret) }
    },
    Effect.catchTag("SqlError", (cause) => new TokensUnavailable({ cause })),
    Effect.uninterruptible
  )

  const revoke = Effect.fn("Tokens.revoke")(
    function* (id: string) {
      if (!known.has(id)) return yield* new TokenUnknown({ id })
      yield* sql`DELETE FROM tokens WHERE id = ${id}`
      known.delete(id)
    },
    Effect.catchTag("SqlError", (cause) => new TokensUnavailable({ cause })),
    Effect.uninterruptible
  )

  const all = Effect.sync(() => Array.from(known.values(), tokenOf))
  return Tokens.of({ authenticate, create, revoke, all })
})

const digest = (text: string) => createHash("sha256").update(text).digest()

const tokenOf = ({ created_at: createdAt, id, name, role, tenant }: Row) =>
  new Token({ id, name, role, createdAt, ...(tenant === null ? {} : { tenant }) })
