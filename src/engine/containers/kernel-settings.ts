import { writeFileSync } from 'node:fs'
import { EngineError, messageOf } from '../errors.js'
import { inNamespace } from '../runtime/enter.js'
import { idCount } from '../runtime/id-map.js'
import type { Sandbox } from '../runtime/sandbox.js'
import type { ContainerRecord } from './record.js'

/** One of /proc/sys that belongs to a namespace. */
export interface KernelSetting {
  readonly namespace: 'ipc' | 'uts'
  readonly name: string
  readonly value: string
}

/** Those of an IPC namespace, sysvipc(7) and mq_overview(7). */
const ofIpc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.\w+)$/

/**
 * The kernel settings of a container, `--sysctl` and `--domainname`: what the runtime writes as the container's root, and
 * what only the host's root may write, whoever owns the namespace: the engine does. A setting that is of no namespace of
 * the container's own is left to the runtime, which refuses it.
 */
export function kernelSettingsOf(
  { config, hostConfig }: ContainerRecord,
  { users, namespaces: { network, ipc, uts } }: Pick<Sandbox, 'users' | 'namespaces'>,
): { readonly runtime: Readonly<Record<string, string>>; readonly engine: readonly KernelSetting[] } {
  const asked = (hostConfig.Sysctls ?? {}) as Readonly<Record<string, string>>
  const runtime: Record<string, string> = {}
  const engine: KernelSetting[] = []
  if (network === 'own') {
    runtime['net.ipv4.ip_unprivileged_port_start'] = '0'
    // the kernel takes ids that its user namespace has
    runtime['net.ipv4.ping_group_range'] = `0 ${String(users === 'host' ? 2 ** 31 - 1 : idCount - 1)}`
  }
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
  for (const { namespace, name, value } of settings)
    inNamespace(`/proc/${String(pid)}/ns/${namespace}`, namespace, () => {
      const path = `/proc/sys/${name.replaceAll('.', '/')}`
      try {
        writeFileSync(path, value)
      } catch (error) {
        throw new EngineError('invalid', `cannot write ${value} to ${path}: ${messageOf(error)}`, error)
      }
    })
}
