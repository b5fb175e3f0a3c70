import { readFileSync } from 'node:fs'
import { rangeOf } from '../system/id-map.js'

/** ps(1)'s columns of users and groups, and which of the ids in `proc_pid_status(5)`, real and effective, each shows. */
const columns: Readonly<Record<string, readonly [line: 'Uid' | 'Gid', index: 0 | 1]>> = {
  UID: ['Uid', 1],
  EUID: ['Uid', 1],
  USER: ['Uid', 1],
  EUSER: ['Uid', 1],
  RUID: ['Uid', 0],
  RUSER: ['Uid', 0],
  GID: ['Gid', 1],
  EGID: ['Gid', 1],
  GROUP: ['Gid', 1],
  EGROUP: ['Gid', 1],
  RGID: ['Gid', 0],
  RGROUP: ['Gid', 0],
}

/**
 * Puts a container's own users and groups in the rows of ps, which knows the host's: by the names that the host has for
 * their numbers, as where no user namespace is, or by number where the column has numbers.
 * @param all every row that ps printed, which shows what a column has
 */
export function translateUsers(
  titles: readonly string[],
  all: readonly string[][],
  own: readonly string[][],
  pidColumn: number,
): string[][] {
  const found = titles.flatMap((title, at) => {
    const column = columns[title]
    return column ? [{ at, column, named: all.some((row) => /^[a-z_]/i.test(row[at] ?? '')) }] : []
  })
  if (found.length === 0) return [...own]
  const names = { Uid: namesIn('/etc/passwd'), Gid: namesIn('/etc/group') }
  return own.map((row) => {
    const pid = Number(row[pidColumn])
    const range = rangeOf(pid)
    if (!range) return row
    const cells = [...row]
    for (const {
      at,
      column: [line, index],
      named,
    } of found) {
      const id = idOf(pid, line, index)
      if (id === undefined) continue
      const inside = String(id - range.first)
      cells[at] = (named ? names[line].get(inside) : undefined) ?? inside
    }
    return cells
  })
}

function namesIn(path: string): Map<string, string> {
  const rows = readFileSync(path, 'utf8').split('\n')
  return new Map(rows.map((row) => row.split(':')).map(([name = '', , id = '']) => [id, name]))
}

function idOf(pid: number, line: string, index: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
    const ids = new RegExp(`^${line}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/)
    return ids?.[index] === undefined ? undefined : Number(ids[index])
  } catch {
    return undefined // it has just ended
  }
}
