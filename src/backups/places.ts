import { join } from 'node:path'
import type { Config } from '../config.js'

type Root = Pick<Config, 'root'>

/** Where all of backups lies. */
export const backupsDirectory = ({ root }: Root): string => join(root, 'backups')

const below =
  (name: string) =>
  (config: Root): string =>
    join(backupsDirectory(config), name)

/** The repository that is used unless another is set. */
export const localRepository = below('repository')
/** What repositories are encrypted with: never in one. */
export const keyFile = below('key')
/** One that another target needs, until that has been reached. */
export const candidateKeyFile = below('key.next')
/** Dumps that are not in the repository yet. */
export const spoolDirectory = below('spool')
/** What restic remembers of repositories, so as not to ask them. */
export const cacheDirectory = below('cache')
/** The key that SFTP servers let in, and what they are known by. */
export const sshDirectory = below('ssh')
