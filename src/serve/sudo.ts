import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { home as checkout } from './paths.js'

/** A person of this machine. */
export interface Person {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** An entry of passwd(5), as getent(1) knows it: from wherever this machine keeps its users. null when there is none. */
async function lookUp(key: string): Promise<Person | null> {
  const found = await promisify(execFile)('getent', ['passwd', key]).catch(() => null)
  const [name = '', , uid, gid, , home = ''] = found?.stdout.trim().split(':') ?? []
  return name === '' || !home.startsWith('/') ? null : { name, uid: Number(uid), gid: Number(gid), home }
}

/** Who ran sudo(8), if root is what they became and it is not what they were. */
export async function sudoer(env: NodeJS.ProcessEnv = process.env): Promise<Person | null> {
  const { SUDO_UID: uid, SUDO_GID: gid } = env
  if (uid === undefined || !/^\d{1,10}$/.test(uid) || Number(uid) === 0 || process.getuid?.() !== 0) return null
  const person = await lookUp(uid)
  return person && gid !== undefined && /^\d{1,10}$/.test(gid) ? { ...person, gid: Number(gid) } : person
}

/** Whose files root's own credentials would be among: sudo -E, and sudo where it keeps HOME, leave another's home. */
export const sharesHome = (person: Person): boolean => homedir() === person.home

/**
 * Runs the part that reads or writes a person's credentials as that person: root would follow whatever links lie in their
 * home, and leave files there that they cannot read.
 * @returns what it said
 * @throws Error with what went wrong
 */
export async function asPerson(person: Person, args: readonly string[], input = ''): Promise<string> {
  const program = join(checkout, 'dist/serve/keep.js')
  const child = spawn(process.execPath, [program, ...args], {
    cwd: '/',
    env: { PATH: process.env.PATH ?? '', HOME: person.home, USER: person.name },
    uid: person.uid,
    gid: person.gid,
    stdio: 'pipe',
  })
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString()))
  child.stdin.on('error', () => undefined) // it may end without reading; its code says so
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(err.join('').trim() || `ended with ${String(code)}`)
  return out.join('')
}
