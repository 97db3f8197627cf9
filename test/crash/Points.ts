/** The main boundaries of a turn, from its acceptance to its last word. */
import { Effect } from "effect"
import { until } from "../tools/exec/Processes.ts"
import type { Point } from "./Crash.ts"

const count = (runs: string) => `echo run >> '${runs}'`

export const replying: Point = {
  name: "while the model streams its first reply",
  holds: { reply: "first", after: "half" },
  reach: (talk, world) => talk.firstWords(world.begin(talk.session).open),
  runs: 0,
  resumed: 1
}

export const asking: Point = {
  name: "while a person is asked for consent",
  command: count,
  reach: (talk) => talk.first("ApprovalAsked"),
  afterwards: (talk) => talk.settle("allow"),
  runs: 1,
  resumed: 0
}

export const running: Point = {
  name: "while a command runs",
  command: (runs) => `${count(runs)}; exec sleep 3600`,
  reach: (talk, world) =>
    Effect.andThen(
      talk.settle("allow"),
      until(() => world.runs(talk.session) > 0)
    ),
  runs: 1,
  resumed: 1,
  outcome: "unknown"
}

export const returned: Point = {
  name: "after the command has returned",
  command: count,
  holds: { reply: "last", after: "nothing" },
  reach: (talk, world) => Effect.andThen(talk.settle("allow"), world.resultsSent(talk.session)),
  runs: 1,
  resumed: 1
}

export const answering: Point = {
  name: "while the model streams its answer",
  command: count,
  holds: { reply: "last", after: "half" },
  reach: (talk, world) => Effect.andThen(talk.settle("allow"), talk.firstWords(world.begin(talk.session).open)),
  runs: 1,
  resumed: 1
}

export const points = [replying, asking, running, returned, answering]
