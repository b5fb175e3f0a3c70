import { BerthError } from '../../errors.js'
import { makeKeyPair } from '../../git/remotes/deploy-key.js'
import { parseSshHost, readHostKey, showHostKeys, sshHostOf, type HostKey } from '../../git/remotes/host-keys.js'
import type { DeployKey, SshKeys } from '../../store/git-keys.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { GitView } from './contract.js'

const viewKey = ({ publicKey, createdAt }: DeployKey) => ({
  publicKey,
  createdAt,
  fingerprint: readHostKey(publicKey)?.fingerprint ?? '',
})

const viewHost = (host: string, { type, fingerprint }: HostKey) => ({ host, type, fingerprint })

/** What an app has for SSH, without what is secret of it. */
export const viewKeys = ({ key, hosts }: SshKeys): Pick<GitView, 'key' | 'hosts'> => ({
  key: key && viewKey(key),
  hosts: [...hosts]
    .flatMap(([host, lines]) => lines.flatMap((line) => readHostKey(line) ?? []).map((key) => viewHost(host, key)))
    .sort((a, b) => (a.host < b.host ? -1 : 1)),
})

/** @throws BerthError `conflict` when a host shows no such key */
function pick(host: string, wanted: string, shown: readonly HostKey[]): HostKey {
  const found = shown.find(({ fingerprint }) => fingerprint === wanted.replace(/=+$/, ''))
  if (found) return found
  throw new BerthError(
    'conflict',
    `${host} shows no key with the fingerprint ${wanted}, but ${shown.map(({ type, fingerprint }) => `${fingerprint} (${type})`).join(', ')}`,
    'compare them with what its owner publishes; do not go on if none is there',
  )
}

/**
 * A key as somebody gives it, or the one of those that the host shows with the fingerprint that is given.
 * @throws BerthError `invalid` for what is neither, `conflict` when the host shows no such key
 */
async function readShownKey(name: string, given: string, show: () => Promise<readonly HostKey[]>): Promise<HostKey> {
  const isFingerprint = /^SHA256:[A-Za-z0-9+/]{43}=?$/.test(given)
  const key = isFingerprint ? pick(name, given, await show()) : readHostKey(given)
  if (key !== null) return key
  throw new BerthError(
    'invalid',
    'that is neither the fingerprint of a key nor a key',
    'SHA256:…, or ssh-ed25519 AAAA…, as `ssh-keyscan` prints it',
  )
}

/** The key of an app, and those of the hosts that it knows. */
export function sshHandlers({
  config,
  store,
}: ControlApiDeps): Pick<HandlersOf<'git'>, 'openKey' | 'removeKey' | 'showHost' | 'trustHost' | 'forgetHost'> {
  const show = (url: URL, signal: AbortSignal): Promise<HostKey[]> =>
    showHostKeys(url, { trusted: config.gitPrivateHosts, signal })

  return {
    openKey: async ({ rotate = false }, { app }) => {
      const { key } = await store.gitKeys(app.id).all()
      if (key && !rotate) return { ...viewKey(key), made: false }
      const pair = await makeKeyPair(`berth-${app.name}`)
      const kept = await store.gitKeys(app.id).setKey({ ...pair, createdAt: new Date().toISOString() }, rotate)
      if (!kept) throw new BerthError('missing', 'the app was destroyed')
      return { ...viewKey(kept), made: kept.publicKey === pair.publicKey }
    },

    removeKey: async (_, { app }) => ({ removed: await store.gitKeys(app.id).removeKey() }),

    showHost: async ({ host }, { app, signal }) => {
      const url = parseSshHost(host)
      const name = sshHostOf(url)
      const [shown, { hosts }] = await Promise.all([show(url, signal), store.gitKeys(app.id).all()])
      return shown.map((key) => ({ ...viewHost(name, key), known: hosts.get(name)?.includes(key.line) ?? false }))
    },

    trustHost: async ({ host, key: given }, { app, signal }) => {
      const url = parseSshHost(host)
      const name = sshHostOf(url)
      const key = await readShownKey(name, given.trim(), () => show(url, signal))
      const known = await store.gitKeys(app.id).trust(name, key.line)
      if (!known.includes(key.line))
        throw new BerthError(
          'conflict',
          `${name} is known by another key, ${known.map((line) => readHostKey(line)?.fingerprint ?? '').join(', ')}`,
          `if it has a new one: \`berth git:host:remove ${name}\` first`,
        )
      return viewHost(name, key)
    },

    forgetHost: async ({ host }, { app }) => {
      const name = sshHostOf(parseSshHost(host))
      return { host: name, removed: await store.gitKeys(app.id).forget(name) }
    },
  }
}
