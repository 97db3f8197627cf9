/**
 * Sessions that are under way at other places when a service is struck: a person is asked, the model is in the middle of
 * a sentence, tools run that nobody stops.
 */
import { Effect } from "effect"
import type { Service } from "../support/Service.ts"
import { until } from "../tools/exec/Processes.ts"
import type { Model } from "./Model.ts"
import { at, type Deeds, person } from "./Person.ts"
import { type ScenarioName, type Struck, struckOne } from "./Scenarios.ts"
import { runsOf } from "./Tools.ts"

interface Place {
  readonly scenario: ScenarioName
  /** What the scenario begins with. */
  readonly words: string
  /** Waits until the session is there. */
  readonly reached: (deeds: Deeds, model: Model, folder: string) => Effect.Effect<unknown>
}

const running =
  (tool: "pure" | "unsafe"): Place["reached"] =>
  ({ session }, _, folder) =>
    until(() => runsOf(folder, tool, `${session}/`).length > 0)

const places: ReadonlyArray<Place> = [
  { scenario: "allowed", words: "call: unsafe", reached: ({ first }) => first("ApprovalAsked") },
  { scenario: "half an answer", words: "half", reached: ({ session }, model) => until(() => model.hasHeard(session)) },
  { scenario: "pure and long", words: "call: pure hold", reached: running("pure") },
  { scenario: "unsafe and long", words: "call: unsafe hold", reached: running("unsafe") }
]

/** Brings a session to each of them; nobody does anything more there before the service is struck. */
export const begin = (service: Service, model: Model, name: string, folder: string) =>
  Effect.forEach(
    places,
    Effect.fnUntraced(function* ({ reached, scenario, words }, index) {
      const struck: Struck = struckOne(person(`${name}-${index}`), scenario)
      const deeds = at(service, struck.who, struck.scenario.agent)
      yield* deeds.say("1", words)
      yield* reached(deeds, model, folder)
      return struck
    }),
    { concurrency: "unbounded" }
  )
