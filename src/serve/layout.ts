import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../config.js'
import { logDir } from './instance.js'
import type { ServiceAccount } from './user.js'

/** Files that hold what root and the account alone may read: credentials of proxies and registries, what apps and people say. */
const secretFiles = ['berth.env', 'build.env']

/**
 * Makes the instance's directories, whatever the umask, and gives each its owner: the engine's are root's alone, the others
 * the account's. What a backup from another machine brought belongs to nobody here: then all below gets its owner, too.
 */
export function layOut(config: Config, user: ServiceAccount): void {
  const root: ServiceAccount = { uid: 0, gid: 0 }
  const make = (path: string, mode: number, owner: ServiceAccount): void => {
    mkdirSync(path, { recursive: true })
    const { uid, gid } = statSync(path)
    if (uid !== owner.uid || gid !== owner.gid) own(path, owner)
    chmodSync(path, mode)
  }
  for (const path of [config.root, config.run, config.cache]) open(path)
  make(join(config.root, 'engine'), 0o700, root)
  for (const folder of ['git', 'deploys', 'cron', 'router', 'redis', 'home', 'plugins', 'backups'])
    make(join(config.root, folder), 0o750, user)
  make(join(config.root, 'hooks'), 0o755, root)
  make(join(config.root, 'init'), 0o755, user) // mounted into the containers of apps
  mkdirSync(join(config.cache, 'npm'), { recursive: true })
  lchownSync(join(config.cache, 'npm'), user.uid, user.gid)
  make(logDir(config), 0o750, { uid: 0, gid: user.gid })
  const files = [
    ...secretFiles.map((name) => join(config.root, name)).filter((file) => existsSync(file)),
    ...readdirSync(logDir(config)).map((name) => join(logDir(config), name)),
  ]
  for (const file of files) {
    lchownSync(file, 0, user.gid)
    if (!lstatSync(file).isSymbolicLink()) chmodSync(file, 0o640)
  }
  make(dirname(config.redisSocket), 0o700, user)
  make(dirname(config.apiSocket), 0o750, user)
  make(dirname(config.frontSocket), 0o700, user)
}

/** A directory that the account must be able to pass through, whoever made it. */
function open(path: string): void {
  const made = mkdirSync(path, { recursive: true, mode: 0o755 })
  chmodSync(path, made === undefined ? statSync(path).mode | 0o111 : 0o755)
}

/** Gives all below a directory to a user; links are given away themselves, and not followed. */
function own(path: string, { uid, gid }: ServiceAccount): void {
  lchownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name)
    if (entry.isDirectory()) own(below, { uid, gid })
    else lchownSync(below, uid, gid)
  }
}
