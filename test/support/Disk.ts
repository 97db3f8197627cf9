/** Disks that fail: small ones, read-only ones, and ones that do not take what they are told to keep. */
import { execFileSync } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, rmdirSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect, Result } from "effect"

const attempt = (program: string, args: ReadonlyArray<string>): boolean =>
  Result.isSuccess(Result.try(() => execFileSync(program, args, { stdio: "ignore" })))

const mountAt = (path: string): boolean => attempt("mount", ["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", path])

/** Whether this machine lets us have a disk of our own. */
export const mayMount = (() => {
  const path = mkdtempSync(join(tmpdir(), "fiberclaw-disk-"))
  const may = mountAt(path)
  if (may) attempt("umount", ["--lazy", path])
  rmdirSync(path)
  return may
})()

/** Puts a disk of 4 MiB at a path, which is made if need be. */
export const mounted = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      if (!mountAt(path)) throw new Error(`nothing can be mounted at ${path}`)
    }),
    () => Effect.sync(() => attempt("umount", ["--lazy", path]))
  )

/** Lets nothing be written to a disk of our own any more, or again. */
export const remount = (path: string, how: "ro" | "rw") =>
  Effect.sync(() => execFileSync("mount", ["-o", `remount,${how}`, path], { stdio: "ignore" }))

/** Writes until not one byte more is taken. */
export const fill = (folder: string) =>
  Effect.sync(() => {
    const file = openSync(join(folder, "filler"), "a")
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      while (Result.isSuccess(Result.try(() => writeSync(file, Buffer.alloc(size)))));
    }
    closeSync(file)
  })

export const makeRoom = (folder: string) => Effect.sync(() => rmSync(join(folder, "filler")))

/** Whether a running process can be given limits. */
export const mayLimit = attempt("prlimit", ["--version"])

/** From now on no file of the process grows beyond so many bytes. */
export const limitFiles = (pid: number, bytes: number | "unlimited") =>
  Effect.sync(() => execFileSync("prlimit", [`--pid=${pid}`, `--fsize=${bytes}:unlimited`], { stdio: "ignore" }))

/**
 * Answers EIO to fsync and fdatasync of files whose path contains FAULTY_PATH, as long as the file FAULTY_WHILE exists;
 * what was written before stays in the page cache, as it does on Linux.
 */
const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int faulty(int fd) {
  const char *part = getenv("FAULTY_PATH"), *flag = getenv("FAULTY_WHILE");
  char link[64], path[4096];
  if (!part || !flag || access(flag, F_OK) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strstr(path, part) != NULL;
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  if (faulty(fd)) { errno = EIO; return -1; }
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  if (faulty(fd)) { errno = EIO; return -1; }
  return real(fd);
}
`

/** Whether this machine can make and load such a disk. */
export const mayCompile = process.platform === "linux" && attempt("cc", ["--version"])

/** Compiles it; what to put into the environment of a process, and how to begin and to end its fault. */
export const failingSync = (folder: string, part: string) =>
  Effect.sync(() => {
    const library = join(folder, "sync.so")
    const flag = join(folder, "faulty")
    mkdirSync(dirname(library), { recursive: true })
    writeFileSync(join(folder, "sync.c"), source)
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, join(folder, "sync.c"), "-ldl"], { stdio: "ignore" })
    return {
      env: { LD_PRELOAD: library, FAULTY_PATH: part, FAULTY_WHILE: flag },
      begin: Effect.sync(() => writeFileSync(flag, "")),
      end: Effect.sync(() => rmSync(flag))
    }
  })
