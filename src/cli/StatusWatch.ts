/** Follows a service: on a terminal the whole picture is drawn anew, elsewhere each change is one line. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { TreeChange } from "../kernel/Tree.ts"
import type { Client } from "./Client.ts"
import { Failed, fail, print } from "./Output.ts"
import { changeLine, draw, type Paint, type Status } from "./StatusDrawing.ts"
import { applied, none, treeOf } from "./StatusTree.ts"

/** Everything but the tree, and what time it is there. */
export interface Around extends Omit<Status, "tree"> {
  readonly now: number
}

export interface Watching {
  readonly client: Client
  readonly paint: Paint
  readonly json: boolean
  readonly around: Effect.Effect<Around, Failed>
}

/** Follows until the person leaves, or the service does. */
export const watch = Effect.fnUntraced(function* (watching: Watching) {
  const response = yield* watching.client.operations
    .tree({ query: {}, headers: { accept: "text/event-stream" } })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (!Stream.isStream(response)) return yield* fail("the service does not stream its tree")
  const changes = Stream.map(response, ({ data }) => data)
  const following = process.stdout.isTTY && !watching.json ? redraw(watching, changes) : list(watching.json, changes)
  yield* Effect.catch(following, (error) => (error instanceof Failed ? Effect.fail(error) : Effect.void))
  return yield* fail("the connection to the service was lost")
})

const list = <E>(json: boolean, changes: Stream.Stream<TreeChange, E>) =>
  Stream.runForEach(changes, (change) =>
    json ? print(JSON.stringify(change)) : Effect.flatMap(lineOf(change), (line) => print(line))
  )

const lineOf = (change: TreeChange): Effect.Effect<string> => {
  if (change.type === "Changed") return Effect.succeed(changeLine(change.node))
  return Effect.map(DateTime.now, (now) => {
    const what = change.type === "Tree" ? `${change.tree.path} watched` : `${change.path} gone`
    return `${DateTime.formatIso(now)} ${what}`
  })
}

/** A picture is looked at for at least this long; ages are counted by the second. */
const pause = "100 millis"
const tick = "1 second"

const redraw = Effect.fnUntraced(function* <E>({ around, paint }: Watching, changes: Stream.Stream<TreeChange, E>) {
  const nodes = yield* Ref.make(none)
  const news = yield* Latch.make(false)
  const facts = yield* Ref.make({ ...(yield* around), asked: yield* Clock.currentTimeMillis })

  const follow = Stream.runForEach(changes, (change) =>
    Effect.andThen(
      Ref.update(nodes, (known) => applied(known, change)),
      news.open
    )
  )
  const ask = Effect.gen(function* () {
    yield* Effect.sleep(tick)
    yield* Ref.set(facts, { ...(yield* around), asked: yield* Clock.currentTimeMillis })
  })
  const show = Effect.gen(function* () {
    yield* Effect.timeoutOption(news.await, tick)
    yield* news.close
    const tree = treeOf(yield* Ref.get(nodes))
    const { asked, now, ...known } = yield* Ref.get(facts)
    const age = (yield* Clock.currentTimeMillis) - asked
    const width = process.stdout.columns
    if (tree !== undefined) yield* paintScreen(draw({ ...known, tree }, { now: now + age, paint, width }))
    yield* Effect.sleep(pause)
  })
  yield* screen
  yield* Effect.raceFirst(follow, Effect.raceFirst(Effect.forever(ask), Effect.forever(show)))
})

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

/** The terminal's other screen, without a cursor (xterm control sequences 1049 and 25), until the Scope closes. */
const screen = Effect.acquireRelease(write("\u001b[?1049h\u001b[?25l"), () => write("\u001b[?25h\u001b[?1049l"))

/** As much as there is room for, over what was there before. */
const paintScreen = (lines: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const room = process.stdout.rows || lines.length
    const shown = lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines
    return write(`\u001b[H${shown.map((line) => `${line}\u001b[K`).join("\n")}\u001b[J`)
  })
