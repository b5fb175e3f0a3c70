import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EngineError, messageOf } from '../errors.js'
import { deadline } from '../system/deadline.js'
import { syncDirectory } from '../system/durable.js'
import { type AptSource, formatDeb822, readAptSources } from './apt-sources.js'
import type { StoredImage } from '../oci/document.js'
import { importImage } from './import.js'
import type { ImageStore } from './store.js'
import { flock } from '../kernel/file-calls.js'

/** The one image that is made on the spot: no registry is asked. */
export const baseImage = { name: 'debian:bookworm-slim', release: 'bookworm' } as const

/** What one line of progress says, as a pull's do. */
export type BootstrapProgress = (status: string) => Promise<void> | void

/** A mirror that stalls must not hold a pull for ever. */
const deadlineMs = 10 * 60_000

/** One that is out of reach is said to be before whoever waits takes it for stuck: apt's own patience is minutes. */
const aptPatience = ['Acquire::Retries "1";', 'Acquire::http::Timeout "10";', 'Acquire::https::Timeout "10";']

/** Left out of Docker's slim images too, save that copyright files stay. */
const hook = `#!/bin/sh
set -e
root="$1"
find "$root/usr/share/doc" -depth ! -name copyright ! -type d -delete
find "$root/usr/share/doc" -depth -type d -empty -delete
for name in man info groff lintian linda; do rm -rf "$root/usr/share/$name"/*; done
find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
rm -rf "$root"/var/log/* "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/aux-cache
rm -f "$root"/var/cache/apt/*.bin
rm -f "$root/etc/apt/sources.list" "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/hostname" "$root/etc/resolv.conf"
touch "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf"
cp -rT "$(dirname "$0")/files" "$root"
`

const excluded = ['doc', 'man', 'locale', 'info', 'groff', 'lintian', 'linda']

const dpkgSettings = [
  ...excluded.map((name) => `path-exclude=/usr/share/${name}/*`),
  'path-include=/usr/share/doc/*/copyright',
  'path-include=/usr/share/locale/locale.alias',
  'force-unsafe-io',
]

/** What keeps apt's own caches out of the layers that use it. */
const aptSettings = [
  'Acquire::Languages "none";',
  'Acquire::GzipIndexes "true";',
  'Apt::AutoRemove::SuggestsImportant "false";',
  'Dir::Cache::pkgcache "";',
  'Dir::Cache::srcpkgcache "";',
  'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };',
]

/**
 * Puts `debian:bookworm-slim` into the store: from the cached archive, or made by mmdebstrap from the host's own apt
 * sources. Two engines that share a cache make it once.
 * @throws EngineError `missing` without Debian sources, `broken` when mmdebstrap fails (with its last lines)
 */
export async function bootstrapBase(
  store: ImageStore,
  cache: string,
  progress: BootstrapProgress,
  signal: AbortSignal,
): Promise<StoredImage> {
  await mkdir(cache, { recursive: true })
  const archive = join(cache, `${baseImage.name.replace(':', '-')}.tar`)
  const lock = await open(`${archive}.lock`, 'a')
  try {
    if (!(await exists(archive))) {
      await flock(lock.fd)
      if (!(await exists(archive))) await make(archive, cache, progress, signal)
    }
  } finally {
    await lock.close()
  }
  await progress('Extracting')
  const created = (await stat(archive)).mtime.toISOString()
  return importImage(
    store,
    createReadStream(archive, { highWaterMark: 1 << 18 }),
    {
      names: [baseImage.name],
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['bash'] },
      created,
      createdBy: `# mmdebstrap --variant=minbase ${baseImage.release}`,
      comment: 'made from the apt sources of the host',
      without: ['/dev', '/proc', '/sys', '/run', '/tmp'],
    },
    signal,
  )
}

async function make(archive: string, cache: string, progress: BootstrapProgress, signal: AbortSignal): Promise<void> {
  const sources = await readAptSources('/etc/apt', baseImage.release)
  for (const name of await readdir(cache))
    if (name.startsWith('bootstrap-')) await rm(join(cache, name), { recursive: true, force: true })
  const work = await mkdtemp(join(cache, 'bootstrap-'))
  try {
    const host = await hostSettings()
    const files = join(work, 'files', 'etc')
    await mkdir(join(files, 'apt', 'apt.conf.d'), { recursive: true })
    await mkdir(join(files, 'apt', 'sources.list.d'), { recursive: true })
    await mkdir(join(files, 'dpkg', 'dpkg.cfg.d'), { recursive: true })
    await writeFile(join(files, 'apt', 'apt.conf.d', 'slim'), [...aptSettings, ...host, ''].join('\n'))
    await writeFile(join(files, 'apt', 'sources.list.d', 'debian.sources'), formatDeb822(sources))
    await writeFile(join(files, 'dpkg', 'dpkg.cfg.d', 'slim'), [...dpkgSettings, ''].join('\n'))
    await writeFile(join(work, 'hook'), hook, { mode: 0o755 })
    const draft = join(work, 'root.tar')
    await mmdebstrap(work, draft, sources, host, progress, signal)
    const file = await open(draft, 'r')
    await file.sync().finally(() => file.close())
    await rename(draft, archive)
    await syncDirectory(cache)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function mmdebstrap(
  work: string,
  target: string,
  sources: readonly AptSource[],
  host: readonly string[],
  progress: BootstrapProgress,
  signal: AbortSignal,
): Promise<void> {
  const lines = sources.map(({ uri, suite, components }) => `deb ${uri} ${suite} ${components.join(' ')}`)
  const options = ['Acquire::Languages "none";', ...aptPatience, ...host].map((setting) => `--aptopt=${setting}`)
  const args = [
    '--mode=root',
    '--variant=minbase',
    '--format=tar',
    // usrmerge, the other way to the same, would bring all of perl
    '--include=ca-certificates,usr-is-merged',
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
    ...options,
    `--customize-hook=${join(work, 'hook')}`,
    baseImage.release,
    target,
    ...lines,
  ]
  using late = deadline(deadlineMs, signal)
  const child = spawn('mmdebstrap', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TMPDIR: work, LC_ALL: 'C.UTF-8', RES_OPTIONS: 'timeout:2 attempts:1' },
    signal: late.signal,
  })
  const failed = new Promise<Error>((resolve) => child.once('error', resolve))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const last: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    last.push(line)
    if (last.length > 8) last.shift()
    if (line.startsWith('I: ')) await progress(line.slice(3))
  }
  const outcome = await Promise.race([failed, ended])
  if (outcome === 0) return
  if (outcome instanceof Error) await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))])
  signal.throwIfAborted()
  const why = outcome instanceof Error ? messageOf(outcome) : last.join('\n')
  throw new EngineError('broken', `cannot make ${baseImage.name}: mmdebstrap failed\n${why}`)
}

/** apt's settings about a mirror that lags behind: they belong to the sources, so they go where those go. */
async function hostSettings(): Promise<string[]> {
  const child = spawn('apt-config', ['dump'], { stdio: ['ignore', 'pipe', 'ignore'] })
  child.on('error', () => child.stdout.destroy())
  const settings: string[] = []
  for await (const line of createInterface({ input: child.stdout }))
    if (/^Acquire::(Check-Valid-Until|Check-Date|Max-FutureTime)\b/.test(line)) settings.push(line)
  return settings
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
