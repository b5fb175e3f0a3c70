import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type AptSource, readAptSources } from '../../src/engine/images/apt-sources.js'
import { flock } from '../../src/engine/kernel/file-calls.js'
import { buildEnv } from '../../src/serve/build-env.js'
import { must } from '../run.js'

/** Where disk images are kept: made once, and again when what they are made of changes. */
const cache = join(process.env.BERTH_CACHE ?? join(tmpdir(), 'berth-test-cache'), 'vm')

/** `fresh` is Debian 12, as README wants a server to be; `tests` has what `bin/install --test` installs, too. */
export type Kind = 'fresh' | 'tests'

/** A disk to boot from, which nobody writes to, and the kernel that is on it. */
export interface Image {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
  /** The private key that the image lets root in with. */
  readonly key: string
}

/** What a Debian server has beside packages of priority important. */
const server = ['ca-certificates', 'dbus', 'libpam-systemd', 'linux-image-cloud-amd64', 'openssh-server', 'sudo']
/** Services that come with packages for tests, and that bin/install turns off where systemd runs. */
const unwanted = ['containerd', 'docker-registry', 'docker.service', 'docker.socket', 'podman.socket', 'redis-server']

const files: Readonly<Record<string, string>> = {
  'etc/hostname': 'server\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 server\n::1 localhost ip6-localhost ip6-loopback\n',
  'etc/network/interfaces': 'auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n',
  'etc/systemd/system/booted.service': `[Unit]
After=ssh.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo the machine is up >/dev/ttyS0'

[Install]
WantedBy=multi-user.target
`,
}

/** Run by mmdebstrap with the root directory of the image as its argument. */
const customize = `#!/bin/sh
set -e
root="$1"; here="$(dirname "$0")"
cp -rT "$here/files" "$root"
chmod 700 "$root/root/.ssh"
chroot "$root" update-ca-certificates >/dev/null
chroot "$root" systemctl --quiet enable ssh booted.service
for unit in ${unwanted.join(' ')}; do chroot "$root" systemctl --quiet disable "$unit" 2>/dev/null || true; done
rm -f "$root/etc/resolv.conf"
`

/**
 * The image, made by mmdebstrap from the host's own apt sources unless the cache has it. The guest gets the host's
 * certificates, and what it must know of the host's network. Nothing is mounted that outlives it, nor is anything half
 * made ever taken for an image.
 */
export async function openImage(kind: Kind, progress: (line: string) => void, signal: AbortSignal): Promise<Image> {
  const packages = [...server, ...(kind === 'tests' ? await listed() : [])]
  const sources = await readAptSources('/etc/apt', 'bookworm')
  const host = await hostFiles(kind)
  const recipe = [kind, packages, sources, files, host, customize]
  const digest = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)
  const dir = join(cache, `${kind}-${digest}`)
  const image = {
    disk: join(dir, 'disk'),
    kernel: join(dir, 'vmlinuz'),
    initrd: join(dir, 'initrd'),
    key: join(dir, 'key'),
  }
  await mkdir(cache, { recursive: true })
  await using lock = await open(join(cache, 'lock'), 'a')
  await flock(lock.fd) // another run may be making it
  if (await stat(dir).catch(() => null)) return image
  progress(`making the disk image "${kind}" (some minutes, once)`)
  for (const name of await readdir(cache))
    if (name.startsWith(`${kind}-`) || name.startsWith('draft-')) await rm(join(cache, name), { recursive: true })
  const draft = await mkdtemp(join(cache, 'draft-'))
  try {
    await make(draft, packages, sources, host, progress, signal)
    await rename(draft, dir)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return image
}

async function make(
  draft: string,
  packages: readonly string[],
  sources: readonly AptSource[],
  host: Host,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'root@server', '-f', join(draft, 'key')])
  const key = await readFile(join(draft, 'key.pub'), 'utf8')
  for (const [path, text] of Object.entries({ ...files, ...host.texts, 'root/.ssh/authorized_keys': key })) {
    await mkdir(join(draft, 'files', path, '..'), { recursive: true })
    await writeFile(join(draft, 'files', path), text)
  }
  for (const [path, source] of Object.entries(host.copies)) {
    await mkdir(join(draft, 'files', path, '..'), { recursive: true })
    await must('cp', ['-aL', source, join(draft, 'files', path)])
  }
  await writeFile(join(draft, 'customize'), customize, { mode: 0o755 })
  await mmdebstrap(draft, packages, sources, host.apt, progress, signal)
  const boot = join(draft, 'root', 'boot')
  for (const name of await readdir(boot))
    for (const part of ['vmlinuz', 'initrd'])
      if (name.startsWith(part)) await copyFile(join(boot, name), join(draft, part))
  progress('writing the disk')
  await must('mke2fs', ['-q', '-t', 'ext4', '-d', join(draft, 'root'), join(draft, 'disk'), '16G'], {
    timeoutMs: 300_000,
  })
  for (const name of ['root', 'files', 'customize']) await rm(join(draft, name), { recursive: true })
}

/** What debian-packages.txt has but for this machine itself. */
async function listed(): Promise<string[]> {
  const text = await readFile(new URL('../../debian-packages.txt', import.meta.url), 'utf8')
  return text
    .replace(/^\[vm\]\n(^[^[].*\n)*/m, '')
    .split('\n')
    .flatMap((line) => /^[a-z][^\s#]*/.exec(line) ?? [])
}

/** What the guest takes from the host. */
interface Host {
  /** apt's settings about a mirror that lags behind: they belong to the sources. */
  readonly apt: readonly string[]
  /** Files by path. */
  readonly texts: Readonly<Record<string, string>>
  /** Files and directories to copy, by where they go. */
  readonly copies: Readonly<Record<string, string>>
}

async function hostFiles(kind: Kind): Promise<Host> {
  const authorities = '/usr/local/share/ca-certificates'
  const apt = (await must('apt-config', ['dump']))
    .split('\n')
    .filter((line) => /^Acquire::(Check-|Max-Future)/.test(line))
  const texts: Record<string, string> = {
    // of the host's network; and Node has certificates of its own, to which these are added
    'etc/environment': `${await buildEnv(process.env)}NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n`,
  }
  for (const name of await readdir(authorities).catch(() => []))
    if (name.endsWith('.crt')) texts[join(authorities.slice(1), name)] = await readFile(join(authorities, name), 'utf8')
  // the tests' tool, where it is not Debian's own: that lacks flags which some tests are about
  const docker = await must('sh', ['-c', 'command -v docker || true'])
  const newer = kind === 'tests' && docker !== '' && docker !== '/usr/bin/docker'
  return { apt, texts, copies: newer ? { 'usr/local/bin/docker': docker } : {} }
}

async function mmdebstrap(
  draft: string,
  packages: readonly string[],
  sources: readonly AptSource[],
  settings: readonly string[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const args = [
    // a namespace for what mmdebstrap mounts: ended at any moment, nothing stays; and it ends with us, whatever ends us
    ...['--mount', '--propagation', 'private', 'setpriv', '--pdeathsig', 'KILL', 'mmdebstrap'],
    ...['--mode=root', '--variant=important', '--format=directory', `--include=${packages.join(',')}`],
    ...['Acquire::Languages "none";', ...settings].map((setting) => `--aptopt=${setting}`),
    ...['doc', 'man', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    `--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr`,
    `--customize-hook=${join(draft, 'customize')}`,
    ...['bookworm', join(draft, 'root')],
    ...sources.map(({ uri, suite, components }) => `deb ${uri} ${suite} ${components.join(' ')}`),
  ]
  const env = { ...process.env, TMPDIR: draft, LC_ALL: 'C.UTF-8' }
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'], env, signal })
  const ended = once(child, 'close') as Promise<[number | null]>
  const last: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    if (last.push(line) > 20) last.shift()
    if (line.startsWith('I: ')) progress(line.slice(3))
  }
  const [code] = await ended
  if (code !== 0) throw new Error(`mmdebstrap failed:\n${last.join('\n')}`)
}
