/**
 * What a command sees of the service's environment: an allow-list, so that a key or token added to the service
 * tomorrow is not visible by default.
 */

const passed = /^(PATH|TZ|USER|LOGNAME|LANG|LC_[A-Z]+)$/

/** The folder for a workspace's temporary files. */
export const temporaryFolder = (workspace: string): string => `${workspace}/.tmp`

/** The environment of a command in this workspace: locale, time zone, user and PATH of the service; its own home. */
export const commandEnvironment = (
  service: Readonly<Record<string, string | undefined>>,
  workspace: string
): Record<string, string> => ({
  PATH: "/usr/local/bin:/usr/bin:/bin",
  ...Object.fromEntries(
    Object.entries(service).flatMap(([name, value]) =>
      value !== undefined && passed.test(name) ? [[name, value]] : []
    )
  ),
  HOME: workspace,
  TMPDIR: temporaryFolder(workspace),
  TERM: "dumb"
})
