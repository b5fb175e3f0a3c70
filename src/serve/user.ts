import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** The account every process but the engine runs as. */
export interface ServiceAccount {
  readonly uid: number
  readonly gid: number
}

const name = 'berth'

async function lookUp(): Promise<ServiceAccount | null> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) }
}

/** The system account `berth`, made with useradd(8) when it is not there: no home, no shell, no password. */
export async function ensureUser(): Promise<ServiceAccount> {
  const found = await lookUp()
  if (found) return found
  const args = [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
    name,
  ]
  await promisify(execFile)('useradd', args).catch(async (cause: unknown) => {
    if (!(await lookUp())) throw cause // two instances may start at once
  })
  const made = await lookUp()
  if (!made) throw new Error(`useradd made no account "${name}"`)
  return made
}
