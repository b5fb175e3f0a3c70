import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config.js'
import { BerthError, is } from '../errors.js'
import type { Backup, BackupTarget, Retention } from '../store/backups.js'
import { ensureKey } from './key.js'
import { cacheDirectory } from './places.js'
import { ResticRun, runRestic, type ResticDeps } from './restic.js'
import { freeBytes } from './spool.js'
import { resticPlaceOf } from './target.js'

/** ms without a step forward after which a repository counts as away. */
const patience = 300_000
/** ms that a repository has to answer at all, before anything is dumped for it. */
const answerMs = 30_000

/** Tags of what is Berth's, and of a backup. */
const mark = 'berth'
const tagOf = (name: string, value: string): string => `${name}:${Buffer.from(value).toString('base64url')}`

/** What of a backup is in the repository with it: all that a Berth which has never heard of it needs. */
type Described = Omit<Backup, 'snapshot' | 'repository' | 'stored' | 'proven' | 'failure' | 'ms'>

/** Name of the dump in its snapshot. */
export const nameOf = ({ subject, kind }: Pick<Backup, 'subject' | 'kind'>): string =>
  `/${subject.name.replaceAll('/', '-')}.${kind === 'files' ? 'tar' : kind}`

/** Where bytes go by. */
export type OnBytes = (bytes: number) => void

/** A repository of restic's. One call at a time: the worker's, of which there is one. */
export class BackupRepository {
  readonly #config: Config
  readonly #deps: ResticDeps
  readonly id: string

  private constructor(config: Config, deps: ResticDeps, id: string) {
    this.#config = config
    this.#deps = deps
    this.id = id
  }

  /**
   * Opens the repository at a target.
   * @param keyFile of a key that is not the usual one
   * @param known id of the one that is to be there; null makes one where there is none
   * @throws BerthError `unavailable`, `denied`, `missing` where it is gone, `conflict` where another one is there
   */
  static async open(
    config: Config,
    target: BackupTarget,
    known: string | null,
    { signal, keyFile }: { readonly signal: AbortSignal; readonly keyFile?: string | null },
  ): Promise<BackupRepository> {
    const cache = cacheDirectory(config)
    await mkdir(cache, { recursive: true, mode: 0o700 })
    const [key, place] = await Promise.all([keyFile ?? ensureKey(config), resticPlaceOf(config, target)])
    const deps = { place, key, cache, patience }
    const soon = { ...deps, patience: answerMs }
    const idOf = async (): Promise<string> =>
      (JSON.parse(await runRestic(soon, ['cat', 'config', '--no-lock'], { signal })) as { id: string }).id
    const id = await idOf().catch(async (error: unknown) => {
      if (!is(error, 'missing') || known !== null) throw gone(error)
      await runRestic(soon, ['init', '--repository-version', '2'], { signal })
      return idOf()
    })
    if (known !== null && id !== known)
      throw new BerthError(
        'conflict',
        'another repository is there than the one that was',
        'see that the right disk or bucket is there, or take this one with `berth backups:target`',
      )
    return new BackupRepository(config, deps, id)
  }

  /** Takes locks away whose owner has died. */
  async unlock(signal: AbortSignal): Promise<void> {
    await runRestic(this.#deps, ['unlock'], { signal })
  }

  /** Saves a file, of which it reads all, whole or not at all. @returns id of the snapshot, and bytes that were added */
  async save(
    file: string,
    of: Described,
    { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: OnBytes },
  ): Promise<{ readonly snapshot: string; readonly stored: number }> {
    using full = this.#watchRoom(signal)
    const source = await open(file)
    try {
      const tags = [mark, tagOf('subject', of.subject.id), tagOf('backup', JSON.stringify(of))]
      const words = ['backup', '--json', '--stdin', '--stdin-filename', nameOf(of), '--host', this.#config.name]
      const time = new Date(of.at).toISOString().replace('T', ' ').slice(0, 19)
      let summary: { snapshot_id?: string; data_added?: number } = {}
      let done = -1
      const onLine = (line: string, forward: () => void): void => {
        const message = JSON.parse(line) as { message_type?: string; bytes_done?: number } & typeof summary
        if (message.message_type === 'summary') summary = message
        else if ((message.bytes_done ?? 0) > done) {
          onBytes((done = message.bytes_done ?? 0))
          forward()
        }
      }
      await runRestic(this.#deps, [...words, '--time', time, ...tags.flatMap((tag) => ['--tag', tag])], {
        ...{ signal: full.signal, input: source.fd, onLine },
      })
      if (summary.snapshot_id === undefined) throw new BerthError('broken', 'the repository did not say what it saved')
      return { snapshot: summary.snapshot_id, stored: summary.data_added ?? 0 }
    } finally {
      await source.close()
    }
  }

  /**
   * A dump as it is in the repository; each piece of it is checked. It fails, whatever was read until then, where a part is lost, or the
   * whole is not what was saved.
   */
  read(of: Pick<Backup, 'snapshot' | 'subject' | 'kind' | 'sha256' | 'bytes'>, signal: AbortSignal): Readable {
    const run = new ResticRun(this.#deps, ['dump', '--no-lock', of.snapshot, nameOf(of)], { signal })
    const hash = createHash('sha256')
    let bytes = 0
    const checked = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk)
        bytes += chunk.length
        run.forward()
        done(null, chunk)
      },
      flush: (done) => {
        run.done().then(() => {
          const same = bytes === of.bytes && hash.digest('hex') === of.sha256
          done(same ? null : new BerthError('broken', 'what the repository has is not what was backed up'))
        }, done)
      },
    })
    pipeline(run.output, checked).catch(() => undefined) // whoever reads is told
    return checked
  }

  /** All of Berth's that are there, oldest first. @throws BerthError `broken` where one is none of ours */
  async list(signal: AbortSignal): Promise<Backup[]> {
    const all = JSON.parse(
      await runRestic(this.#deps, ['snapshots', '--json', '--no-lock', '--tag', mark], { signal }),
    ) as readonly { readonly id: string; readonly tags?: readonly string[] }[] | null
    return (all ?? []).flatMap(({ id, tags = [] }) => {
      const described = tags.find((tag) => tag.startsWith('backup:'))
      if (described === undefined) return []
      const of = JSON.parse(Buffer.from(described.slice(7), 'base64url').toString()) as Described
      return [{ ...of, snapshot: id, repository: this.id, stored: null, proven: null, failure: null, ms: 0 }]
    })
  }

  /** Lets go of what retention does not keep of a subject; what is younger than two days is kept at any rate. @returns ids of the snapshots that are gone */
  async retain(subject: string, { daily, weekly, monthly }: Retention, signal: AbortSignal): Promise<string[]> {
    const keep = ['--keep-daily', String(daily), '--keep-weekly', String(weekly), '--keep-monthly', String(monthly)]
    const words = [
      'forget',
      '--json',
      '--group-by',
      '',
      '--tag',
      `${mark},${tagOf('subject', subject)}`,
      '--keep-within',
      '2d',
    ]
    const answer = await runRestic(this.#deps, [...words, ...keep], { signal })
    const groups = JSON.parse(answer.trim() === '' ? '[]' : answer) as
      readonly { readonly remove: readonly { readonly id: string }[] | null }[] | null
    return (groups ?? []).flatMap(({ remove }) => (remove ?? []).map(({ id }) => id))
  }

  async forget(snapshots: readonly string[], signal: AbortSignal): Promise<void> {
    if (snapshots.length > 0) await runRestic(this.#deps, ['forget', '--quiet', ...snapshots], { signal })
  }

  /** Gives back the room of what was let go of. */
  async prune(signal: AbortSignal): Promise<void> {
    const onLine = (_line: string, forward: () => void): void => forward()
    await runRestic(this.#deps, ['prune'], { signal, onLine })
  }

  /** Aborts when the disk of the repository comes to its reserve. */
  #watchRoom(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
    const { path } = this.#deps.place
    const full = new AbortController()
    const look = async (): Promise<void> => {
      if (path !== null && (await freeBytes(path, this.#config.diskReserve)) <= 0)
        full.abort(
          new BerthError(
            'large',
            'the disk of the repository is full to its reserve',
            'free some, or set another target',
          ),
        )
    }
    const timer = setInterval(() => void look().catch(() => undefined), 500)
    return { signal: AbortSignal.any([signal, full.signal]), [Symbol.dispose]: () => clearInterval(timer) }
  }
}

const gone = (error: unknown): unknown =>
  is(error, 'missing')
    ? new BerthError(
        'missing',
        'the repository is gone',
        'see that its disk or bucket is there, or set another target with `berth backups:target`',
        error,
      )
    : error
