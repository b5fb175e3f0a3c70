import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Secret } from '../../lib/secret.js'

/** Whom ssh is to be at a host, and whom it may meet there. */
export interface SshIdentity {
  /** As OpenSSH keeps a private key. */
  readonly key: Secret
  /** `ssh-ed25519 AAAA…`, without a name. */
  readonly hostKeys: readonly string[]
}

/** What host keys are looked up by: no name of anybody's gets into a file that ssh reads. */
const alias = 'berth-remote'

/** All that ssh goes by: no file of whoever runs it, no agent, no program but itself. */
function settings(directory: string, address: string, port: number): string {
  // ssh_config(5), TOKENS
  const inDirectory = (name: string): string => join(directory, name).replaceAll('%', '%%')
  return Object.entries({
    HostName: address,
    Port: String(port),
    HostKeyAlias: alias,
    CheckHostIP: 'no',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: `"${inDirectory('known_hosts')}"`,
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityFile: `"${inDirectory('key')}"`,
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    GSSAPIAuthentication: 'no',
    HostbasedAuthentication: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    ProxyCommand: 'none',
    ProxyJump: 'none',
    ControlMaster: 'no',
    ControlPath: 'none',
    CanonicalizeHostname: 'no',
    RequestTTY: 'no',
    LogLevel: 'ERROR',
    ConnectTimeout: '15',
    ServerAliveInterval: '10',
    ServerAliveCountMax: '3',
  })
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}

/** A way for git to use ssh; disposing forgets the key that was written for it. */
export interface SshWay extends AsyncDisposable {
  /** For git's environment. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * Has git's ssh connect to one address, with one key, and only to a host that shows one of these keys.
 * @param parent a directory that goes when the fetch ends, however that is
 */
export async function wayOfSsh(
  parent: string,
  { key, hostKeys }: SshIdentity,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<SshWay> {
  const directory = await mkdtemp(join(parent, 'ssh-'))
  const secret = { mode: 0o600, flag: 'wx' }
  await writeFile(join(directory, 'key'), key.reveal(), secret)
  await writeFile(join(directory, 'known_hosts'), hostKeys.map((one) => `${alias} ${one}\n`).join(''), secret)
  await writeFile(join(directory, 'config'), settings(directory, address, port), secret)
  const quoted = `'${join(directory, 'config').replaceAll("'", "'\\''")}'`
  return {
    env: { GIT_SSH_COMMAND: `ssh -F ${quoted}`, GIT_SSH_VARIANT: 'ssh', GIT_ALLOW_PROTOCOL: 'ssh' },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
