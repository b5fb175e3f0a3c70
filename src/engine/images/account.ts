import { readFileSync } from 'node:fs'
import { EngineError } from '../errors.js'
import type { LayerTree } from './tree.js'

/** Who owns what a COPY makes. */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * Reads `user[:group]` by number or by name, the names in the tree's own /etc/passwd and /etc/group.
 * A user alone brings the group that passwd gives it; a bare number is its own group.
 * @throws EngineError `invalid` "unable to find user"
 */
export function lookUpOwner(tree: LayerTree | undefined, spec: string): FileOwner {
  const [user = '', group] = spec.split(':', 2)
  const account = isNumber(user) ? undefined : records(tree, '/etc/passwd').find(([name]) => name === user)
  if (!isNumber(user) && user !== 'root' && !account)
    throw new EngineError('invalid', `unable to find user ${user}: no matching entries in passwd file`)
  const uid = account ? Number(account[2]) : Number(isNumber(user) ? user : 0)
  if (group === undefined || group === '') return { uid, gid: account ? Number(account[3]) : uid }
  if (isNumber(group)) return { uid, gid: Number(group) }
  const found = records(tree, '/etc/group').find(([name]) => name === group)
  if (!found && group !== 'root')
    throw new EngineError('invalid', `unable to find group ${group}: no matching entries in group file`)
  return { uid, gid: found ? Number(found[2]) : 0 }
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text)

function records(tree: LayerTree | undefined, path: string): string[][] {
  const entry = tree?.resolve(path).entry
  if (!entry?.stat.isFile() || entry.stat.size > 1 << 20) return []
  return readFileSync(entry.paths[0], 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}
