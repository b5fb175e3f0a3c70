import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readAptSources } from '../src/engine/images/apt-sources.js'
import { must } from './run.js'

/** Programs of a later Debian that this one has no such of: an HAProxy with QUIC, and a curl that speaks HTTP/3. */
const packages = ['haproxy', 'curl', 'patchelf']
const programs = ['usr/sbin/haproxy', 'usr/bin/curl']

/**
 * A directory of these programs, to be the first of a PATH: had once a machine from the host's own Debian archive, and run with the
 * libraries that they were made for.
 */
export async function forkyPrograms(): Promise<string> {
  const cache = process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache')
  const root = join(cache, 'forky')
  const bin = join(root, 'run')
  if (await isThere(bin)) return bin
  await mkdir(cache, { recursive: true })
  const draft = await mkdtemp(join(cache, 'forky-'))
  try {
    await fetchPackages(draft)
    await chmod(draft, 0o755) // others than root run them
    await bindTo(root, draft)
    await rename(draft, root).catch(async (error: unknown) => {
      if (!(await isThere(bin))) throw error // else another test was faster
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return bin
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

async function fetchPackages(into: string): Promise<void> {
  const sources = await readAptSources('/etc/apt', 'bookworm')
  const uri = sources.find(({ suite }) => suite === 'bookworm')?.uri ?? ''
  // an archive that is kept as it was on a day says of itself that it is old
  const settings = ['Acquire::Check-Valid-Until "false";', 'Acquire::Languages "none";', 'APT::Install-Recommends "0";']
  const options = settings.map((setting) => `--aptopt=${setting}`)
  const what = ['--variant=extract', `--include=${packages.join(',')}`, '--skip=check/empty']
  await must('mmdebstrap', [...what, ...options, 'forky', into, `deb ${uri} forky main`], { timeoutMs: 300_000 })
}

/** Has the programs take the loader and the libraries that will lie at `root`, now at `draft`, and gathers them. */
async function bindTo(root: string, draft: string): Promise<void> {
  const [triplet = ''] = (await readdir(join(draft, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'))
  const libraries = join('usr/lib', triplet)
  const [loader = ''] = (await readdir(join(draft, libraries))).filter((name) => name.startsWith('ld-linux-'))
  const patchelf = [join(draft, libraries, loader), '--library-path', join(draft, libraries)]
  for (const program of programs) {
    const to = [
      '--set-interpreter',
      join(root, libraries, loader),
      '--force-rpath',
      '--set-rpath',
      join(root, libraries),
    ]
    await must(patchelf[0] ?? '', [...patchelf.slice(1), join(draft, 'usr/bin/patchelf'), ...to, join(draft, program)])
  }
  await mkdir(join(draft, 'run'), { recursive: true })
  for (const program of programs)
    await symlink(join('..', program), join(draft, 'run', program.split('/').at(-1) ?? ''))
}
