/**
 * `GET /v1/models` and `GET /v1/models/{id}` of the stand-ins for a vendor's API, as the types of @anthropic-ai/sdk 1.12
 * and openai 7.57 describe them (resources/models.d.ts).
 *
 * A stand-in that is not told which models it has has every one that is asked for, with `claude` or `gpt` of its own.
 */
import type { ModelInfo } from "@anthropic-ai/sdk/resources/models"

/** A model as OpenAI tells of it, with whatever a compatible server adds (`context_length`, `max_model_len`, …). */
export type OpenAiModel = { readonly id: string } & Readonly<Record<string, unknown>>

/** A model of the Messages API: 200,000 tokens in, 64,000 out, unless told otherwise. */
export const claude = (id = "claude-test", more: Partial<ModelInfo> = {}): ModelInfo => ({
  type: "model",
  id,
  display_name: id,
  created_at: "2026-01-01T00:00:00Z",
  lifecycle: "active",
  line: null,
  deprecated_at: null,
  retires_at: null,
  max_input_tokens: 200_000,
  max_tokens: 64_000,
  capabilities: null,
  ...more
})

/** A model as OpenAI itself tells of it: without any limits. */
export const gpt = (id = "gpt-test", more: Readonly<Record<string, unknown>> = {}): OpenAiModel => ({
  id,
  object: "model",
  created: 1_767_225_600,
  owned_by: "test",
  ...more
})

/** What a request asks of the route: all models, or one; undefined when it is about something else. */
export const asked = (method: string, path: string): "all" | { readonly id: string } | undefined => {
  const [, id] = (method === "GET" && /\/models(?:\/([^?]+))?(?:\?.*)?$/.exec(path)) || []
  if (id !== undefined) return { id: decodeURIComponent(id) }
  return method === "GET" && /\/models(?:\?.*)?$/.test(path) ? "all" : undefined
}

/** A list of models as the Messages API words it, on one page. */
export const claudes = (models: ReadonlyArray<ModelInfo>) => ({
  data: models,
  has_more: false,
  first_id: models[0]?.id ?? null,
  last_id: models.at(-1)?.id ?? null
})

/** A list of models as OpenAI words it. */
export const gpts = (models: ReadonlyArray<OpenAiModel>) => ({ object: "list", data: models })
