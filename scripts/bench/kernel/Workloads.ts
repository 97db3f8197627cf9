/** What the kernel is measured by: each workload, what is read from it, and what is asked of that. */
import { atLeast, atMost, type Row } from "../Figure.ts"
import type { Workload } from "./Contestants.ts"

/** One of the numbers a workload gives. */
export interface Reading {
  readonly key: string
  readonly name: string
  readonly unit: Row["unit"]
  readonly goal?: (median: number) => NonNullable<Row["goal"]>
  readonly note?: string
}

export interface Measured extends Workload {
  readonly rounds: number
  readonly readings: ReadonlyArray<Reading>
}

const most = (limit: number, unit: string) => (value: number) => atMost(value, limit, unit)
const least = (limit: number) => (value: number) => atLeast(value, limit, "/s")

export const workloads: ReadonlyArray<Measured> = [
  {
    name: "starts",
    sizes: [100_000],
    rounds: 5,
    readings: [
      {
        key: "starts",
        name: "starts",
        unit: "/s",
        goal: least(500_000),
        note: "supervised starts of 100,000 actors one after the other, each with a state of its own"
      }
    ]
  },
  {
    name: "memory",
    sizes: [100_000],
    rounds: 3,
    flags: ["--expose-gc"],
    readings: [
      {
        key: "bytes",
        name: "at rest",
        unit: "B",
        goal: most(600, "B"),
        note: "each of 100,000 idle actors after garbage collection, with its id and state; Erlang's do not hibernate"
      }
    ]
  },
  {
    name: "messages",
    sizes: [500_000, 1000],
    rounds: 5,
    readings: [
      {
        key: "askOne",
        name: "ask, one",
        unit: "/s",
        goal: least(1_000_000),
        note: "one caller after the other's answer, time-out 5 s; the actor adds to a count in an `Effect.sync`"
      },
      {
        key: "askMany",
        name: "ask, 1,000",
        unit: "/s",
        goal: least(1_000_000),
        note: "a thousand callers with an actor each"
      },
      {
        key: "tell",
        name: "tell",
        unit: "/s",
        goal: least(2_000_000),
        note: "one sender and one actor, until the last is worked on; the kernel's mailbox is bounded, the others are not"
      }
    ]
  },
  {
    name: "crashes",
    sizes: [10_000, 1000],
    rounds: 5,
    readings: [
      {
        key: "p50",
        name: "crash, p50",
        unit: "µs",
        goal: most(20, "µs"),
        note: "from the ask it dies of to the answer of the next incarnation; 10,000 thrown errors, logs off everywhere"
      },
      { key: "p99", name: "crash, p99", unit: "µs", goal: most(100, "µs") }
    ]
  },
  {
    name: "together",
    sizes: [50_000],
    rounds: 5,
    readings: [
      {
        key: "millis",
        name: "50k crashes",
        unit: "ms",
        goal: most(1000, "ms"),
        note: "until all of 50,000 actors that crash together have answered again; Erlang with a hundred supervisors"
      }
    ]
  },
  {
    name: "million",
    sizes: [1_000_000],
    rounds: 3,
    readings: [
      {
        key: "pause",
        name: "a million",
        unit: "ms",
        goal: most(10, "ms"),
        note: "longest time between two ticks of 1 ms while a million actors start, answer once and stop"
      },
      { key: "millis", name: "  in all", unit: "ms" }
    ]
  },
  {
    name: "neighbours",
    sizes: [10_000, 1000, 4],
    rounds: 3,
    readings: [
      {
        key: "factor",
        name: "neighbours",
        unit: "×",
        goal: most(1.3, "×"),
        note:
          "p99 of the answers of 9,000 actors while 1,000 crash once a second, by the p99 in peace; a hundred " +
          "callers, each 5 ms after its last answer, and actors that wait for their turn once"
      },
      { key: "stormy", name: "  their p99", unit: "µs" },
      {
        key: "pause",
        name: "  pause",
        unit: "ms",
        goal: most(10, "ms"),
        note: "longest time between two ticks of 1 ms during the crashes"
      },
      {
        key: "calmPause",
        name: "  in peace",
        unit: "ms",
        note: "the same without crashes; each second in peace is followed by one with crashes"
      }
    ]
  }
]
