/** Times as people are told them. */
import * as Duration from "effect/Duration"

/** In whole seconds, or in whole milliseconds if it is shorter than a second; never less than it is. */
export const roughly = (time: Duration.Duration): string => {
  const millis = Duration.toMillis(time)
  return Duration.format(
    millis < 1000 ? Duration.millis(Math.ceil(millis)) : Duration.seconds(Math.ceil(millis / 1000))
  )
}
