/**
 * The names things have. Every id is branded, and every id that reaches a path or a URL is confined to a
 * character set in which neither can be misread.
 */
import * as Schema from "effect/Schema"

/** What names of tenants and agents, which are names of files too, look like. */
export const slug = /^[a-z0-9][a-z0-9_-]{0,62}$/
export const slugText = "1 to 63 lower-case letters, digits, - or _, starting with a letter or a digit"

const opaque = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/

const named = (pattern: RegExp, expected: string) =>
  Schema.String.check(Schema.isPattern(pattern, { expected, message: `Expected ${expected}` }))

const opaqueText = "1 to 128 letters, digits or . _ : @ + -, starting with a letter or a digit"

/** A tenant's folder name: 1 to 63 lower-case letters, digits, `-` or `_`. */
export const TenantId = named(slug, slugText).pipe(Schema.brand("TenantId"))
export type TenantId = typeof TenantId.Type

/** An agent's file name without its ending, unique within its tenant. */
export const AgentId = named(slug, slugText).pipe(Schema.brand("AgentId"))
export type AgentId = typeof AgentId.Type

/** A session's name, chosen by whoever opens it; unique within its tenant. */
export const SessionId = named(opaque, opaqueText).pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

/** One turn of one session; made by the service. */
export const TurnId = named(opaque, opaqueText).pipe(Schema.brand("TurnId"))
export type TurnId = typeof TurnId.Type

/** A tool call as the model named it; unique within its session only. */
export const CallId = Schema.NonEmptyString.pipe(Schema.brand("CallId"))
export type CallId = typeof CallId.Type

/** A tool call that waits for a person; made by the service. */
export const ApprovalId = named(opaque, opaqueText).pipe(Schema.brand("ApprovalId"))
export type ApprovalId = typeof ApprovalId.Type
