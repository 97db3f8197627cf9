/** The part of the fault matrix that is about words: what each vendor calls what went wrong, and what that is in ours. */
import type { ProviderFault } from "../../src/providers/ProviderError.ts"
import type { Vendor } from "./FaultMatrix.ts"

export interface NamedRow {
  readonly status: number
  readonly type?: string
  readonly code?: string
  /** The sentence it comes with, where that matters. */
  readonly message?: string
  readonly reason: ProviderFault
  /** The reason where it comes in the middle of a reply, so without a status, if that is another. */
  readonly during?: ProviderFault
}

const invalid = (code: string, reason: ProviderFault = "invalid_request"): NamedRow => ({
  status: 400,
  type: "invalid_request_error",
  code,
  reason
})

const says = (message: string, reason: ProviderFault): NamedRow => ({
  status: 400,
  type: "invalid_request_error",
  message,
  reason
})

const anthropic: ReadonlyArray<NamedRow> = [
  { status: 400, type: "invalid_request_error", reason: "invalid_request" },
  { status: 401, type: "authentication_error", reason: "authentication" },
  { status: 402, type: "billing_error", reason: "billing" },
  { status: 403, type: "permission_error", reason: "permission" },
  { status: 404, type: "not_found_error", reason: "not_found" },
  { status: 409, type: "conflict_error", reason: "unavailable" },
  { status: 409, type: "memory_path_conflict_error", reason: "invalid_request" },
  { status: 412, type: "memory_precondition_failed_error", reason: "invalid_request" },
  { status: 413, type: "request_too_large", reason: "too_large" },
  { status: 429, type: "rate_limit_error", reason: "rate_limited" },
  { status: 500, type: "api_error", reason: "unavailable" },
  { status: 504, type: "timeout_error", reason: "timeout" },
  { status: 529, type: "overloaded_error", reason: "overloaded" },
  { status: 418, type: "an_error_of_tomorrow", reason: "invalid_request", during: "unknown" },
  { status: 429, type: "rate_limit_error", code: "a_code_of_tomorrow", reason: "rate_limited" },
  { status: 429, type: "rate_limit_error", code: "ramp_limit_exceeded", reason: "rate_limited" },
  { status: 429, type: "rate_limit_error", code: "contract_spend_limit_reached", reason: "spend_limit" },
  { status: 429, type: "rate_limit_error", code: "enforced_spend_limit_reached", reason: "spend_limit" },
  { status: 402, type: "billing_error", code: "linked_organization_spend_limit_reached", reason: "spend_limit" },
  { status: 402, type: "billing_error", code: "linked_organization_billing_unavailable", reason: "billing" },
  says("Your credit balance is too low to access the Anthropic API.", "billing"),
  says("You have reached your specified API usage limits.", "spend_limit"),
  says("Output blocked by content filtering policy", "refused"),
  says("prompt is too long: 210000 tokens > 200000 maximum", "context_overflow"),
  invalid("claude_code_key_creator_not_member", "authentication"),
  invalid("organization_on_hold", "permission"),
  invalid("organization_type_not_supported", "permission"),
  invalid("parent_organization_required", "permission"),
  invalid("cmek_key_disabled", "permission"),
  invalid("cmek_key_network_blocked", "permission"),
  { status: 403, type: "permission_error", code: "sandbox_egress_restricted", reason: "permission" },
  { status: 503, type: "api_error", code: "cmek_context_unavailable", reason: "unavailable" },
  { status: 503, type: "api_error", code: "cmek_key_unreachable", reason: "unavailable" },
  { status: 413, type: "request_too_large", code: "request_body_too_large_after_decoding", reason: "too_large" },
  invalid("image_dimensions_too_large", "too_large"),
  invalid("claude_code_version_too_old"),
  invalid("request_body_encoding_invalid"),
  invalid("request_body_encoding_unsupported"),
  invalid("tool_name_conflict"),
  invalid("tool_reference_unresolved"),
  invalid("available_tools_limit_exceeded"),
  { status: 529, type: "overloaded_error", code: "compaction_unavailable", reason: "overloaded" },
  invalid("compaction_block_ambiguous"),
  invalid("compaction_block_misplaced"),
  invalid("compaction_content_mismatch"),
  invalid("compaction_incomplete_turn"),
  invalid("compaction_nothing_to_summarize"),
  invalid("compaction_signature_invalid"),
  invalid("compaction_too_many_tool_references"),
  invalid("compaction_tool_changes_mismatch"),
  invalid("thread_already_continued"),
  invalid("thread_continue_in_flight"),
  invalid("thread_fingerprint_mismatch"),
  invalid("thread_unsupported_request"),
  { status: 404, type: "not_found_error", code: "thread_not_found", reason: "not_found" }
]

const openai: ReadonlyArray<NamedRow> = [
  { status: 400, type: "invalid_request_error", reason: "invalid_request" },
  { status: 401, type: "invalid_request_error", code: "invalid_api_key", reason: "authentication" },
  { status: 404, type: "invalid_request_error", code: "model_not_found", reason: "not_found" },
  { status: 429, type: "tokens", code: "rate_limit_exceeded", reason: "rate_limited" },
  { status: 429, type: "insufficient_quota", code: "insufficient_quota", reason: "billing" },
  { status: 429, code: "credit_balance_exhausted", reason: "billing" },
  { status: 429, code: "billing_not_active", reason: "billing" },
  { status: 429, code: "billing_hard_limit_reached", reason: "spend_limit" },
  { status: 429, code: "usage_limit_exceeded", reason: "spend_limit" },
  { status: 429, code: "project_spend_limit_exceeded", reason: "spend_limit" },
  { status: 429, code: "organization_spend_limit_exceeded", reason: "spend_limit" },
  { status: 429, code: "organization_usage_limit_exceeded", reason: "spend_limit" },
  { status: 503, code: "slow_down", reason: "overloaded" },
  { status: 503, code: "server_overloaded", reason: "overloaded" },
  { status: 429, code: "flex_unavailable", reason: "overloaded" },
  { status: 500, type: "server_error", reason: "unavailable" },
  { status: 500, type: "InternalServerError", reason: "unavailable" },
  { status: 503, type: "unavailable_error", message: "Loading model", reason: "overloaded" },
  { status: 418, type: "an_error_of_tomorrow", reason: "invalid_request", during: "unknown" },
  { status: 400, code: "context_length_exceeded", reason: "context_overflow" },
  { status: 400, type: "exceed_context_size_error", reason: "context_overflow" },
  says("This model's maximum context length is 8192 tokens.", "context_overflow"),
  { status: 500, type: "server_error", message: "Context size has been exceeded.", reason: "context_overflow" },
  { status: 400, code: "content_filter", reason: "refused" },
  { status: 400, code: "content_policy_violation", reason: "refused" },
  { status: 400, code: "image_content_policy_violation", reason: "refused" },
  { status: 400, code: "bio_policy", reason: "refused" },
  { status: 400, code: "cyber_policy", reason: "refused" },
  { status: 400, code: "misalignment_policy_violation", reason: "refused" },
  says("Invalid prompt: your prompt was flagged as potentially violating our usage policy", "refused"),
  { status: 403, message: "It requires moderation. Your input was flagged for violence.", reason: "refused" },
  { status: 400, code: "image_too_large", reason: "too_large" },
  { status: 400, code: "image_file_too_large", reason: "too_large" }
]

export const named: Readonly<Record<Vendor, ReadonlyArray<NamedRow>>> = { anthropic, openai }
