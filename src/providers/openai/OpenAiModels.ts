/**
 * What servers of chat completions tell of their models (`GET /v1/models`): pure.
 *
 * OpenAI itself tells no limits, and neither does Ollama. OpenRouter has `context_length` and `top_provider`, vLLM
 * `max_model_len`, llama.cpp `meta.n_ctx` or, older ones, only what the model was trained with; Groq `context_window` and
 * `max_completion_tokens`, Mistral `max_context_length`. Whatever else there is means nothing here.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { leastOf, of } from "../ModelLimits.ts"
import type { ModelLimits } from "../Provider.ts"

const told = Schema.optional(Schema.Unknown)

const Model = Schema.Struct({
  id: Schema.String,
  context_length: told,
  max_model_len: told,
  context_window: told,
  max_context_length: told,
  max_completion_tokens: told,
  top_provider: told,
  meta: told
})
const decodeModel = Schema.decodeUnknownOption(Model)
const decodeList = Schema.decodeUnknownOption(Schema.Struct({ data: Schema.Array(Schema.Unknown) }))
const decodeTop = Schema.decodeUnknownOption(Schema.Struct({ context_length: told, max_completion_tokens: told }))
const decodeMeta = Schema.decodeUnknownOption(Schema.Struct({ n_ctx: told, n_ctx_train: told }))

/** The limits of each model that has any, by its id. */
export type ToldLimits = ReadonlyMap<string, ModelLimits>

/** What a list of models says; an entry that is none is passed over. */
export const limitsIn = (answer: unknown): ToldLimits => {
  const list = Option.match(decodeList(answer), { onNone: () => [], onSome: ({ data }) => data })
  const models = list.flatMap((entry) => Option.toArray(decodeModel(entry)))
  return new Map(models.map((model) => [model.id, limitsTold(model)]))
}

const limitsTold = ({ meta, top_provider, ...model }: typeof Model.Type): ModelLimits => {
  const top = Option.getOrUndefined(decodeTop(top_provider))
  const local = Option.getOrUndefined(decodeMeta(meta))
  const { context_length, context_window, max_completion_tokens, max_context_length, max_model_len } = model
  return of(
    leastOf(
      ...[context_length, context_window, max_context_length, max_model_len, top?.context_length],
      ...[local?.n_ctx ?? local?.n_ctx_train]
    ),
    leastOf(max_completion_tokens, top?.max_completion_tokens)
  )
}

/**
 * The limits of this model. OpenRouter takes names with a suffix that says how to choose a server (`:nitro`), which it
 * does not list; a server with a single model, as llama.cpp, answers with it whatever the name.
 */
export const limitsAmong = (models: ToldLimits, model: string): ModelLimits => {
  const [only] = models.size === 1 ? models.values() : []
  return models.get(model) ?? models.get(model.replace(/:[^:/]*$/, "")) ?? only ?? {}
}
