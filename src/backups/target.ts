import { writeFile } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import type { Config } from '../config.js'
import { BerthError } from '../errors.js'
import type { BackupTarget } from '../store/backups.js'
import { backupsDirectory, localRepository, sshDirectory } from './places.js'
import { ensureSshKey } from './ssh-key.js'

/** How restic is told of a repository: in its environment, which nobody else reads, and by options without a secret. */
export interface ResticPlace {
  readonly env: Readonly<Record<string, string>>
  readonly options: readonly string[]
  /** Where it is on this machine's disk; null where it is elsewhere. */
  readonly path: string | null
}

const wrong = (message: string, hint: string): BerthError => new BerthError('invalid', message, hint)

function urlOf(text: string, protocols: readonly string[], hint: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !protocols.includes(url.protocol) || url.password !== '' || /[\s"'\\\p{Cc}]/u.test(text))
    throw wrong(`"${text.slice(0, 100)}" is no place for backups`, hint)
  return url
}

const s3Hint = 'write it as https://s3.example.com/bucket, or https://s3.example.com/bucket/prefix'
const sftpHint = 'write it as sftp://user@host/path, or sftp://user@host:2222/path'

/** @throws BerthError `invalid` of what cannot be a place for backups */
export function checkTarget(target: BackupTarget): void {
  if (target.type === 'directory' && (!isAbsolute(target.path) || normalize(target.path) !== target.path))
    throw wrong(`"${target.path.slice(0, 100)}" is no directory for backups`, 'write an absolute path')
  if (target.type === 's3') {
    const url = urlOf(target.url, ['https:', 'http:'], s3Hint)
    if (!/^\/[^/]+/.test(url.pathname) || url.search !== '' || url.username !== '')
      throw wrong(`"${target.url.slice(0, 100)}" names no bucket`, s3Hint)
  }
  if (target.type === 'sftp') {
    const { username, hostname, pathname } = urlOf(target.url, ['sftp:'], sftpHint)
    if (
      !/^[\w.-]+$/.test(username) ||
      !/^[\w.:[\]-]+$/.test(hostname) ||
      username.startsWith('-') ||
      pathname.length < 2
    )
      throw wrong(`"${target.url.slice(0, 100)}" is no place for backups`, sftpHint)
  }
}

/** What a target is for restic, with the files that it needs written. */
export async function resticPlaceOf(config: Pick<Config, 'root' | 'name'>, target: BackupTarget): Promise<ResticPlace> {
  switch (target.type) {
    case 'local':
      return { env: { RESTIC_REPOSITORY: localRepository(config) }, options: [], path: localRepository(config) }
    case 'directory':
      return { env: { RESTIC_REPOSITORY: target.path }, options: [], path: target.path }
    case 's3':
      return s3Place(config, target)
    case 'sftp':
      return sftpPlace(config, target)
  }
}

type OfType<T extends BackupTarget['type']> = Extract<BackupTarget, { readonly type: T }>

async function s3Place(config: Pick<Config, 'root'>, target: OfType<'s3'>): Promise<ResticPlace> {
  const ca = join(backupsDirectory(config), 'ca.pem')
  if (target.ca !== null) await writeFile(ca, target.ca, { mode: 0o600 })
  return {
    env: {
      RESTIC_REPOSITORY: `s3:${target.url}`,
      AWS_ACCESS_KEY_ID: target.accessKey,
      AWS_SECRET_ACCESS_KEY: target.secretKey,
      ...(target.region !== null && { AWS_DEFAULT_REGION: target.region }),
    },
    options: target.ca === null ? [] : ['--cacert', ca],
    path: null,
  }
}

async function sftpPlace(
  config: Pick<Config, 'root' | 'name'>,
  { url, hostKey }: OfType<'sftp'>,
): Promise<ResticPlace> {
  const { username, hostname, port, pathname } = new URL(url)
  const directory = sshDirectory(config)
  await ensureSshKey(config)
  const host = hostname.replace(/^\[|\]$/g, '')
  const known = port === '' ? host : `[${host}]:${port}`
  await writeFile(join(directory, 'known_hosts'), `${known} ${hostKey}\n`, { mode: 0o600 })
  const options = {
    ...{ IdentityFile: join(directory, 'id'), UserKnownHostsFile: join(directory, 'known_hosts') },
    ...{ IdentitiesOnly: 'yes', StrictHostKeyChecking: 'yes', BatchMode: 'yes', ConnectTimeout: '20' },
    ...{ ServerAliveInterval: '15', ServerAliveCountMax: '4' },
  }
  const words = ['ssh', '-F', 'none', ...(port === '' ? [] : ['-p', port])]
  for (const [name, value] of Object.entries(options)) words.push('-o', `"${name}=${value}"`)
  const command = [...words, `${username}@${host}`, '-s', 'sftp'].join(' ')
  return {
    env: { RESTIC_REPOSITORY: `sftp:${username}@${host}:${decodeURIComponent(pathname)}` },
    // the value of an option is read as a line of CSV
    options: ['-o', `"${`sftp.command=${command}`.replaceAll('"', '""')}"`],
    path: null,
  }
}

/** A target in a line, without what is secret. */
export function targetInWords(target: BackupTarget): string {
  switch (target.type) {
    case 'local':
      return 'on this server'
    case 'directory':
      return target.path
    default:
      return target.url
  }
}
