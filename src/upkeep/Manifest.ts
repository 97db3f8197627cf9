/**
 * What a backup says of itself. `files.jsonl` has one line for each thing in it; `manifest.json` is written last, when
 * everything else is on disk, and vouches for that list with its hash: a folder without it is no backup.
 */
import * as Schema from "effect/Schema"

/** The layout of a backup; a program that finds another number does not touch it. */
export const format = 1

export const manifestFile = "manifest.json"
export const entriesFile = "files.jsonl"

/** Relative, with `/` between its parts, and nothing that leads out of the folder it is relative to. */
export const isInside = (path: string): boolean =>
  path !== "" && !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")

const InsidePath = Schema.String.check(
  Schema.makeFilter((path) => isInside(path) || `a path inside the backup, which ${JSON.stringify(path)} is not`)
)

const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/**
 * One thing in a backup. Links are remembered, never followed. Other things (sockets, pipes, devices) cannot be kept and
 * are only named.
 */
export const Entry = Schema.Union([
  Schema.TaggedStruct("File", {
    path: InsidePath,
    bytes: Schema.Int,
    sha256: Sha256,
    executable: Schema.optionalKey(Schema.Boolean)
  }),
  Schema.TaggedStruct("Folder", { path: InsidePath }),
  Schema.TaggedStruct("Link", { path: InsidePath, target: Schema.String }),
  Schema.TaggedStruct("Skipped", { path: InsidePath, reason: Schema.String })
])
export type Entry = typeof Entry.Type

export const EntryLine = Schema.fromJsonString(Entry)

export class Manifest extends Schema.Class<Manifest>("Manifest")({
  format: Schema.Int,
  /** The program that made it. */
  version: Schema.String,
  /** ISO 8601. */
  createdAt: Schema.String,
  /** How many files there are, and how many bytes in them. */
  files: Schema.Int,
  bytes: Schema.Int,
  /** How many things could not be kept. */
  skipped: Schema.Int,
  /** SHA-256 of `files.jsonl`. */
  entries: Sha256
}) {}

export const ManifestText = Schema.fromJsonString(Manifest)

/** A backup's folder is named after its instant, with nothing in it that a file system may mind. */
export const nameOf = (createdAt: string): string => createdAt.replaceAll(":", "-")

/** What such a name looks like. */
export const namePattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/

/** Ends the name of what is being built and is no backup yet. */
export const partial = ".partial"
