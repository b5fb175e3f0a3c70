import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../free.js'
import { must } from '../run.js'

/** Debian's sshd on loopback, with a host key of its own: whoever has an allowed key is whom this test runs as. */
export interface SshServer extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** `ssh://<user>@127.0.0.1:<port>` */
  readonly url: string
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string
  /** Lets in who has the private half of a key. */
  allow(publicKey: string): Promise<void>
}

export async function sshServer(): Promise<SshServer> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-sshd-'))
  const [port, user] = [await freePort(), userInfo().username]
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(dir, 'host')])
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(dir, 'host')}`,
    `AuthorizedKeysFile ${join(dir, 'allowed')}`,
    `PidFile ${join(dir, 'pid')}`,
    'AuthenticationMethods publickey',
    'Subsystem sftp internal-sftp',
    'PermitRootLogin prohibit-password',
    // quick, on a machine that has much else to do
    ...['KexAlgorithms curve25519-sha256', 'Ciphers aes128-gcm@openssh.com'],
    ...['UsePAM no', 'StrictModes no', 'PrintMotd no', 'PrintLastLog no', 'LogLevel INFO'],
  ]
  await writeFile(join(dir, 'config'), `${settings.join('\n')}\n`)
  await writeFile(join(dir, 'allowed'), '')
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    if (line.startsWith('Server listening')) break
  }
  child.stderr.resume()
  if (child.exitCode !== null) throw new Error(`sshd ended: ${said.join('\n')}`)
  return {
    host: `127.0.0.1:${port}`,
    url: `ssh://${user}@127.0.0.1:${port}`,
    hostKey: (await readFile(join(dir, 'host.pub'), 'utf8')).trim(),
    allow: (publicKey) => writeFile(join(dir, 'allowed'), `${publicKey}\n`),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}
