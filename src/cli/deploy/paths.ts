import { BerthError } from '../../errors.js'

/** As the server takes them (src/git/tree.ts). */
const maxPath = 2048
const maxName = 255
const maxDepth = 100

const quote = (path: string): string => JSON.stringify(path.length > 80 ? `${path.slice(0, 80)}…` : path)

const refused = (path: string, why: string): BerthError =>
  new BerthError('invalid', `the archive's entry ${quote(path)} ${why}`, 'make the archive anew, without it')

/**
 * The path of an archive's entry within the app; null for what is none of its files (`.git`, and the root itself).
 * @throws BerthError `invalid` for one that leads out, or that no file system takes
 */
export function pathOfEntry(name: string): string | null {
  // eslint-disable-next-line no-control-regex -- a name may hold none of them
  if (/[\u0000-\u001f\u007f\\]/.test(name)) throw refused(name, 'has a backslash or a control character in its name')
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) throw refused(name, 'has an absolute path')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refused(name, 'leads out of the archive')
  if (Buffer.byteLength(name) > maxPath || parts.length > maxDepth) throw refused(name, 'has too long a path')
  if (parts.some((part) => Buffer.byteLength(part) > maxName)) throw refused(name, 'has too long a name')
  if (parts.length === 0 || parts.some((part) => part.toLowerCase() === '.git')) return null
  return parts.join('/')
}

/**
 * Up first and then down is all that a link may go: on its way down it may pass through others, of which each leads inside.
 * @throws BerthError `invalid` for a link that leads out of the archive, or may do so
 */
export function checkLink(path: string, target: string): void {
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const firstDown = parts.findIndex((part) => part !== '..')
  const up = firstDown < 0 ? parts.length : firstDown
  const inside = up < path.split('/').length && !parts.slice(up).includes('..')
  if (
    !inside ||
    target === '' ||
    target.startsWith('/') ||
    target.includes('\0') ||
    Buffer.byteLength(target) > maxPath
  )
    throw refused(path, `is a link that leads out of the archive: ${quote(target)}`)
}

/** The paths that an archive has had, of which each is there once, and none a file and a directory. */
export class Names {
  readonly #files = new Set<string>()
  readonly #directories = new Set<string>()

  /** @throws BerthError `invalid` */
  add(path: string): void {
    if (this.#files.has(path)) throw refused(path, 'is there twice')
    if (this.#directories.has(path)) throw refused(path, 'is a file and a directory')
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end)
      if (this.#files.has(parent)) throw refused(parent, 'is a file and a directory')
      if (this.#directories.has(parent)) break
      this.#directories.add(parent)
    }
    this.#files.add(path)
  }

  /** The directory that everything is in; null when there is none. */
  get only(): string | null {
    const tops = new Set([...this.#files].map((path) => path.split('/', 1)[0] ?? ''))
    const [top = ''] = tops
    return tops.size === 1 && this.#directories.has(top) ? top : null
  }
}
