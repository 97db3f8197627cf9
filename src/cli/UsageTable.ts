/** What models were used for, as lines of text. Pure. */
import type { TurnUsage } from "../domain/TurnUsage.ts"
import type { Dimension, Usage, UsageShare } from "../domain/Usage.ts"
import { inLine } from "./SessionTables.ts"

const sums = ["CALLS", "INPUT", "FROM CACHE", "INTO CACHE", "OUTPUT", "COST (USD)"]

const count = (amount: number): string => amount.toLocaleString("en-US")

/** Parts of a cent matter where a call costs less than one. */
const dollars = (amount: number): string =>
  amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: amount < 1 ? 6 : 2 })

const cost = ({ calls, costUsd, unpricedCalls }: Usage): string => {
  if (unpricedCalls === 0) return dollars(costUsd)
  return unpricedCalls === calls ? "unknown" : `at least ${dollars(costUsd)}`
}

const cells = (usage: Usage): ReadonlyArray<string> => [
  count(usage.calls),
  count(usage.inputTokens),
  count(usage.cacheReadTokens),
  count(usage.cacheWriteTokens),
  count(usage.outputTokens),
  cost(usage)
]

/** Names to the left, numbers to the right. */
const aligned = (names: number, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (known, row) => row.map((cell, index) => Math.max(cell.length, known[index] ?? 0)),
    []
  )
  return rows.map((row) =>
    row
      .map((cell, index) => (index < names ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join("  ")
  )
}

/** A row for each share, then their total. */
export const usageLines = (
  by: ReadonlyArray<Dimension>,
  shares: ReadonlyArray<UsageShare>,
  total: Usage
): ReadonlyArray<string> =>
  aligned(by.length, [
    [...by.map((name) => name.toUpperCase()), ...sums],
    ...shares.map((share) => [...by.map((name) => inLine(share[name] ?? "")), ...cells(share)]),
    [...by.map((_, index) => (index === 0 ? "total" : "")), ...cells(total)]
  ])

/** A row for each turn of a session, then their total. */
export const turnLines = (turns: ReadonlyArray<TurnUsage>, total: Usage): ReadonlyArray<string> =>
  aligned(3, [
    ["TURN", "AT (UTC)", "MODELS", ...sums],
    ...turns.map((turn) => [
      turn.turn,
      turn.at.slice(0, 19).replace("T", " "),
      inLine(turn.models.join(", ")),
      ...cells(turn)
    ]),
    ["total", "", "", ...cells(total)]
  ])

/** What is missing from the cost. */
export const unpricedLines = (models: ReadonlyArray<string>): ReadonlyArray<string> =>
  models.length === 0 ? [] : [`no price known for: ${models.map((model) => inLine(model)).join(", ")}`]
