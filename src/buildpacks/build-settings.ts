import { BerthError } from '../errors.js'

/**
 * What an app's owner says of how it is built, by the names that `berth builds:set` takes. Each is kept as a config var: a
 * release has those that it was built with, and a rollback brings them back.
 */
export const buildSettings = {
  /** Folder to deploy instead of the top of the repository; a package of a workspace by its name, too. */
  dir: 'BERTH_APP_DIR',
  /** Dockerfile to build, by its path below that folder. */
  dockerfile: 'BERTH_DOCKERFILE',
  /** Stage of the Dockerfile that is the image. */
  target: 'BERTH_DOCKERFILE_TARGET',
  /** Compose file whose services are the app, by its path below that folder. */
  compose: 'BERTH_COMPOSE_FILE',
  /** Globs of what it is built of: a push that changes nothing of it builds nothing. */
  'watch-paths': 'BERTH_WATCH_PATHS',
} as const

/** The name of a build setting. */
export type BuildSetting = keyof typeof buildSettings

/** The names of all of them. */
export const buildSettingNames = Object.keys(buildSettings) as BuildSetting[]

/** The build setting that a config var is; undefined for any other. */
export const buildSettingOf = (variable: string): BuildSetting | undefined =>
  buildSettingNames.find((name) => buildSettings[name] === variable)

const longest = 255
/** Of all globs together, and of one. */
const longestGlobs = 2048
const longestGlob = 200
const mostGlobs = 20
const stageName = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/

/** An empty value is none. @throws BerthError `invalid` for a value that no tree can have */
export function checkBuildSetting(name: BuildSetting, value: string): void {
  const refuse = (why: string, hint: string): never => {
    throw new BerthError('invalid', `${buildSettings[name]} cannot be "${value.slice(0, 80)}": ${why}`, hint)
  }
  if (value === '') return
  if (name === 'watch-paths') {
    const globs = value.split(',').map((one) => one.trim())
    if (value.length > longestGlobs || globs.length > mostGlobs || globs.some((one) => one.length > longestGlob))
      refuse(
        'it is too long',
        `use at most ${mostGlobs} globs of ${longestGlob} characters, ${longestGlobs} altogether`,
      )
    if (globs.some((one) => /^!?\/?$/.test(one) || one.split('/').includes('..')))
      refuse(
        'one of its globs names nothing below the top',
        'name paths below the top of the repository: apps/web/**,packages/**',
      )
  } else if (value.length > longest) refuse('it is too long', `use at most ${longest} characters`)
  if (/\p{Cc}/u.test(value)) refuse('it has a control character in it', 'a name in one line is wanted')
  if (name === 'target') {
    if (!stageName.test(value))
      refuse('no stage has such a name', 'name one as `FROM … AS name` does, or by its number')
  } else if (name !== 'watch-paths' && (value.startsWith('/') || value.split('/').includes('..')))
    refuse('it leads out of the repository', 'name a path below the top of the repository, like apps/web')
}
