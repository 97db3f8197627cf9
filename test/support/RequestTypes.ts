/**
 * The bodies of the requests we send, in the vendors' own types: what `scripts/request-schemas.ts` makes JSON Schemas of.
 *
 * The clients take two parameters out of the body and into headers (`create` in resources/messages/messages.js of
 * @anthropic-ai/sdk 1.12), so that they may not stand in it.
 */
import type { MessageCountTokensParams, MessageCreateParamsStreaming } from "@anthropic-ai/sdk/resources/messages"
import type { ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions"

type InHeaders = "user_profile_id" | "workspace_id"

/** `POST /v1/messages` of the Messages API. */
export interface CreateMessage extends Omit<MessageCreateParamsStreaming, InHeaders> {}

/** `POST /v1/messages/count_tokens` of the Messages API. */
export interface CountTokens extends Omit<MessageCountTokensParams, InHeaders> {}

/** `POST …/chat/completions` of OpenAI and those who are compatible. */
export interface CreateCompletion extends ChatCompletionCreateParamsStreaming {}
