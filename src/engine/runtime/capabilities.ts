import { readFileSync } from 'node:fs'
import { EngineError } from '../errors.js'

/** Capability names by number, capabilities(7). */
const names = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** Docker's default set. */
const defaults = (
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL ' +
  'AUDIT_WRITE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** Capabilities this host lets its root have; a container cannot get others. */
function held(): readonly string[] {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  return names.filter((_, bit) => (mask >> BigInt(bit)) & 1n)
}

const normal = (name: string, field: string): string => {
  const full = name.toUpperCase().replace(/^(?!CAP_)/, 'CAP_')
  if (full !== 'CAP_ALL' && !names.includes(full))
    throw new EngineError('invalid', `invalid ${field}: unknown capability: "${full}"`)
  return full
}

/** Docker's rules for `--cap-add`, `--cap-drop` and `--privileged`. @throws EngineError `invalid` */
export function capabilitiesOf(add: readonly string[], drop: readonly string[], privileged: boolean): string[] {
  const host = held()
  const added = add.map((name) => normal(name, 'CapAdd'))
  const dropped = drop.map((name) => normal(name, 'CapDrop'))
  if (privileged) return [...host]
  const start = added.includes('CAP_ALL') ? host : dropped.includes('CAP_ALL') ? [] : defaults
  const wanted = new Set([...start.filter((name) => !dropped.includes(name)), ...added])
  return host.filter((name) => wanted.has(name) && !(dropped.includes(name) && added.includes('CAP_ALL')))
}
