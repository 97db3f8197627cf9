import { assert, describe, it } from "@effect/vitest"
import { coloured, plain, show } from "../../src/cli/Transcript.ts"
import { CallId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../../src/domain/SessionEvent.ts"
import type { TextDelta } from "../../src/telemetry/Signals.ts"

const turn = TurnId.make("turn_1")
const call = CallId.make("call_1")
const usage = { inputTokens: {}, outputTokens: {} } as never

const event = (body: NewSessionEvent): SessionEvent => ({ ...body, seq: 1, at: "2026-01-01T00:00:00.000Z" })
const delta = (text: string, offset = 0): TextDelta => ({ type: "TextDelta", turn, step: 1, called: 1, offset, text })
const replied = (text: string): SessionEvent =>
  event({ type: "ModelReplied", turn, step: 1, content: [{ type: "text", text }], finishReason: "stop", usage })
const stoodIn = (text: string): SessionEvent => ({
  ...(replied(text) as SessionEvent & { readonly type: "ModelReplied" }),
  model: "local/small",
  detours: [{ model: "far/large", reason: "overloaded", detail: "too much" }]
})
const cut = (text: string) =>
  event({ type: "ReplyCut", turn, step: 1, text, reason: "stream_cut", detail: "the connection broke" })
const goesOn = (cause: "cut" | "length") => event({ type: "ReplyContinued", turn, cause })
const called = (input: { readonly [key: string]: string }) =>
  event({ type: "ToolCalled", turn, step: 1, call, tool: "exec", input, effect: "unsafe", key: "key" })
const returned = (output: string) => event({ type: "ToolReturned", turn, step: 1, call, outcome: "succeeded", output })
const ended = (
  outcome: "completed" | "failed" | "cancelled",
  failure?: { readonly type: string; readonly message: string }
) => event({ type: "TurnEnded", turn, outcome, ...(failure === undefined ? {} : { failure }) })
const numbered = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1)).join("\n")

const cases: ReadonlyArray<
  readonly [name: string, event: SessionEvent | TextDelta, before: string, text: string, after: string]
> = [
  ["text as it comes", delta("lo", 3), "hel", "lo", "hello"],
  ["no text that does not follow on what was shown", delta("lo", 4), "hel", "", "hel"],
  ["what is missing of a reply", replied("hello"), "hel", "lo\n", ""],
  ["a whole reply that nobody saw come", replied("hello"), "", "hello\n", ""],
  ["a line's end after a reply that came as a whole", replied("hello"), "hello", "\n", ""],
  ["a reply anew that came differently", replied("hello"), "bye", "\nhello\n", ""],
  [
    "who stood in for the model, and why",
    stoodIn("hello"),
    "hello",
    "\n(local/small stood in for far/large: overloaded)\n",
    ""
  ],
  ["nothing for a reply without text", replied(""), "", "", ""],
  ["that a turn goes on", event({ type: "TurnResumed", turn }), "", "(resumed)\n", ""],
  ["that a turn goes on, on a line of its own", event({ type: "TurnResumed", turn }), "hel", "\n(resumed)\n", ""],
  ["what is missing of a reply that was cut off", cut("hello"), "hel", "lo\n(cut off, goes on)\n", ""],
  ["a reply that is begun again, below what was shown of it", cut(""), "hel", "\n(cut off, begun again)\n", ""],
  ["one that is begun again before it said anything", cut(""), "", "(cut off, begun again)\n", ""],
  [
    "that what was said of a reply is superseded when it was too much for the model",
    event({ type: "ContextOverflowed", turn, step: 1, detail: "too long" }),
    "hel",
    "\n(too long for the model, begun again)\n",
    ""
  ],
  ["that a long reply goes on", goesOn("length"), "", "(at its length limit, goes on)\n", ""],
  ["once only that one that was cut off goes on", goesOn("cut"), "", "", ""],
  [
    "that an answer is not whole",
    event({ type: "TurnEnded", turn, outcome: "completed", cutShort: "length" }),
    "",
    "! the answer is not whole: it is over its length limit\n",
    ""
  ],
  ["a command as it is", called({ command: "ls -la" }), "", "> exec ls -la\n", ""],
  ["other input as JSON", called({ path: "a" }), "", `> exec {"path":"a"}\n`, ""],
  ["a short output whole", returned("one\ntwo\n"), "", "  one\n  two\n", ""],
  ["an output of twelve lines whole", returned(numbered(12)), "", `${numbered(12).replace(/^/gm, "  ")}\n`, ""],
  [
    "how much of a long output is missing",
    returned(numbered(15)),
    "",
    `${numbered(12).replace(/^/gm, "  ")}\n  … 3 more lines\n`,
    ""
  ],
  ["nothing for a good end", ended("completed"), "", "", ""],
  [
    "why a turn failed",
    ended("failed", { type: "overloaded", message: "too much" }),
    "",
    "! overloaded: too much\n",
    ""
  ],
  ["that a turn was cancelled, below what it had said", ended("cancelled"), "hel", "\n! cancelled\n", ""],
  ["nothing for other events", event({ type: "Steered", turn, messages: [1] }), "hel", "", "hel"]
]

describe("Transcript", () => {
  it.each(cases)("shows %s", (_, shownEvent, before, text, after) => {
    assert.deepStrictEqual(show(shownEvent, before, plain), [text, after])
  })

  it("colours what is not the answer, and ends every colour on its line", () => {
    assert.deepStrictEqual(show(called({ command: "ls" }), "", coloured), ["\u001b[2m> exec ls\u001b[0m\n", ""])
    const failure = { type: "overloaded", message: "too much" }
    const [text] = show(ended("failed", failure), "", coloured)
    assert.strictEqual(text, "\u001b[31m! overloaded: too much\u001b[0m\n")
    assert.deepStrictEqual(show(delta("plain"), "", coloured), ["plain", "plain"])
  })
})
