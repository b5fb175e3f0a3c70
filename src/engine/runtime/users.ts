import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { EngineError } from '../errors.js'
import { closeDescriptor, openInRoot } from '../kernel/libc.js'
import { idCount } from '../system/id-map.js'
import type { ProcessUser, UserNamespace } from './sandbox.js'

interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

const numeric = (text: string): boolean => /^\d+$/.test(text)

function rows(root: number, path: string): string[][] {
  try {
    const fd = openInRoot(root, path, constants.O_RDONLY)
    try {
      return readFileSync(fd, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
    } finally {
      closeDescriptor(fd)
    }
  } catch {
    return []
  }
}

/** @throws EngineError `invalid` for a name that no group has */
function groupId(groups: readonly { readonly name: string; readonly gid: number }[], name: string): number {
  const found = groups.find((entry) => entry.name === name)
  if (found) return found.gid
  if (numeric(name)) return Number(name)
  throw new EngineError('invalid', `unable to find group ${name}: no matching entries in group file`)
}

/**
 * Looks a `user[:group]` up in the root file system at `rootfs`, as `/etc/passwd` and `/etc/group` there have it, without
 * following a symlink out of it. `home` is '/' for a user without an account.
 * @throws EngineError `invalid` "unable to find user x: no matching entries in passwd file"
 */
export function lookUpUser(
  rootfs: string,
  wanted: string,
  groupAdd: readonly string[] = [],
): { user: ProcessUser; home: string } {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const accounts = rows(root, 'etc/passwd').map(([name = '', , uid, gid, , home = '/']): Account => ({
      name,
      uid: Number(uid),
      gid: Number(gid),
      home,
    }))
    const groups = rows(root, 'etc/group').map(([name = '', , gid, members = '']) => ({
      name,
      gid: Number(gid),
      members: members.split(','),
    }))
    const [who = '', group] = wanted.split(':')
    const account = accounts.find(({ name, uid }) => name === (who || 'root') || (numeric(who) && uid === Number(who)))
    if (!account && who !== '' && !numeric(who))
      throw new EngineError('invalid', `unable to find user ${who}: no matching entries in passwd file`)
    const gidOf = (name: string): number => groupId(groups, name)
    const gid = group ? gidOf(group) : (account?.gid ?? 0)
    const secondary = group || !account ? [] : groups.filter(({ members }) => members.includes(account.name))
    return {
      user: {
        uid: account?.uid ?? (numeric(who) ? Number(who) : 0),
        gid,
        // the primary one among them, lest a set-gid program drop what it is refused by (CVE-2022-36109)
        additionalGids: [...new Set([gid, ...secondary.map((entry) => entry.gid), ...groupAdd.map(gidOf)])],
      },
      home: account?.home ?? '/',
    }
  } finally {
    closeSync(root)
  }
}

/** Refuses a user that a container's user namespace does not have. @throws EngineError `invalid` */
export function demandMapped({ uid, gid, additionalGids }: ProcessUser, users: UserNamespace): void {
  const beyond = [uid, gid, ...additionalGids].find((id) => id >= idCount)
  if (users === 'host' || beyond === undefined) return
  throw new EngineError(
    'invalid',
    `user or group ${String(beyond)} is beyond the ${String(idCount)} ids of the container's user namespace: ` +
      'run it with --userns=host to have it',
  )
}

/** A container's user as the host numbers him. */
export function outsideOf({ uid, gid }: ProcessUser, users: UserNamespace): { uid: number; gid: number } {
  const first = users === 'host' ? 0 : users.first
  return { uid: first + uid, gid: first + gid }
}
