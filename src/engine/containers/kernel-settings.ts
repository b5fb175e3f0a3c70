import { writeFileSync } from 'node:fs'
import { EngineError, messageOf } from '../errors.js'
import { inNamespace } from '../kernel/namespace.js'
import { idCount } from '../system/id-map.js'
import { freshProc } from '../runtime/mount-staging.js'
import type { Sandbox } from '../runtime/sandbox.js'
import type { Container } from './container.js'

/** One of /proc/sys that belongs to a namespace. */
export interface KernelSetting {
  readonly namespace: 'ipc' | 'net' | 'uts'
  readonly name: string
  readonly value: string
}

/** Those of an IPC namespace, sysvipc(7) and mq_overview(7). */
const ofIpc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.\w+)$/

/**
 * The kernel settings of a container, `--sysctl`, `--domainname` and those that every container has: what the runtime writes as
 * the container's root, and what the engine writes: what only the host's root may, whoever owns the namespace, and what
 * takes the runtime longer and longer (see `freshProc`). A setting that is of no namespace of
 * the container's own is left to the runtime, which refuses it.
 */
export function kernelSettingsOf(
  { run: { sysctls: asked }, record: { config } }: Container,
  { users, namespaces: { network, ipc, uts } }: Pick<Sandbox, 'users' | 'namespaces'>,
): { readonly runtime: Readonly<Record<string, string>>; readonly engine: readonly KernelSetting[] } {
  const runtime: Record<string, string> = {}
  const engine: KernelSetting[] = []
  // the kernel takes ids as they are for whoever writes them
  const [first, count] = users === 'host' ? [0, 2 ** 31] : [users.first, idCount]
  const usual = {
    'net.ipv4.ip_unprivileged_port_start': '0',
    'net.ipv4.ping_group_range': `${String(first)} ${String(first + count - 1)}`,
  }
  if (network === 'own')
    for (const [name, value] of Object.entries(usual))
      if (!Object.hasOwn(asked, name)) engine.push({ namespace: 'net', name, value })
  // runtimes of today know no other way to set the domain
  const domain = uts === 'own' && config.Domainname !== '' ? { 'kernel.domainname': config.Domainname } : {}
  for (const [name, value] of Object.entries({ ...domain, ...asked })) {
    const namespace = name === 'kernel.domainname' ? 'uts' : 'ipc'
    const own = namespace === 'uts' ? uts === 'own' : ipc === 'own' && ofIpc.test(name)
    if (users !== 'host' && own) engine.push({ namespace, name, value })
    else runtime[name] = value
  }
  return { runtime, engine }
}

/** Writes settings of namespaces that are a container's own. @throws EngineError `invalid` for what the kernel refuses */
export function writeSettings(pid: number, settings: readonly KernelSetting[]): void {
  if (settings.length === 0) return
  const proc = freshProc()
  for (const { namespace, name, value } of settings)
    inNamespace(`/proc/${String(pid)}/ns/${namespace}`, namespace, () => {
      const path = `/sys/${name.replaceAll('.', '/')}`
      try {
        writeFileSync(`${proc}${path}`, value)
      } catch (error) {
        throw new EngineError('invalid', `cannot write ${value} to /proc${path}: ${messageOf(error)}`, error)
      }
    })
}
