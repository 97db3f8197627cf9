/** What a job can come to instead of an answer. None of these has any effect on another job. */
import * as Schema from "effect/Schema"

/** As many jobs wait as may: the job was not taken. */
export class ThreadsBusy extends Schema.TaggedError<ThreadsBusy>()("ThreadsBusy", {
  job: Schema.String,
  waiting: Schema.Int
}) {
  override get message(): string {
    return `the job "${this.job}" was refused, as ${this.waiting} jobs wait for a thread already`
  }
}

/** The job took longer than it may, and its thread was ended. */
export class JobTimedOut extends Schema.TaggedError<JobTimedOut>()("JobTimedOut", {
  job: Schema.String,
  millis: Schema.Number
}) {
  override get message(): string {
    return `the job "${this.job}" was stopped after ${this.millis} ms`
  }
}

/** The job threw, or what went in or came out does not fit its schema. */
export class JobFailed extends Schema.TaggedError<JobFailed>()("JobFailed", {
  job: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `the job "${this.job}" failed: ${this.reason}`
  }
}

/** The thread ended under its job: it crashed, ran out of memory, did not start, or was stopped. */
export class ThreadDied extends Schema.TaggedError<ThreadDied>()("ThreadDied", {
  thread: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.thread} ended: ${this.reason}`
  }
}

export type JobError = ThreadsBusy | JobTimedOut | JobFailed | ThreadDied
