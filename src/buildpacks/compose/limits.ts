import type { ProcessSettings } from '../../process-settings.js'
import { shown, type Field } from './field.js'
import { checkKeys, deployKeys } from './keys.js'
import { bytesOf, secondsOf } from './units.js'

/** As many of one type as a formation may have. */
const mostProcesses = 100
/** Seconds. */
const longestGrace = 600
/** What a process needs to start at all, in bytes. */
const leastMemory = 6 * 2 ** 20

type Limits = Pick<ProcessSettings, 'memory' | 'cpus' | 'pids'>

/** How large processes of a service are. */
export function limitsOf(service: Field): Limits {
  const resources = service.get('deploy')?.get('resources')
  const limits = resources?.get('limits')
  if (resources?.get('reservations')?.get('devices') !== undefined)
    resources.get('reservations')?.refuse('has devices, which are not supported', 'take them out')
  else resources?.get('reservations')?.note('has no effect: only limits count')
  const memory = amountOf(limits?.get('memory') ?? service.get('mem_limit'))
  const cpus = (limits?.get('cpus') ?? service.get('cpus'))?.number(0.01, 1024)
  const pids = (limits?.get('pids') ?? service.get('pids_limit'))?.number(-1, 2 ** 22)
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpus === undefined ? {} : { cpus }),
    // -1 is no limit, which no process has
    ...(pids === undefined || pids < 1 ? {} : { pids: Math.floor(pids) }),
  }
}

/** Bytes; undefined where none are said, or what was refused. */
export function amountOf(field: Field | undefined, least = leastMemory): number | undefined {
  if (field === undefined || field.isNone) return undefined
  const text = field.text()
  const bytes = bytesOf(text)
  if (bytes !== null && bytes >= least && Number.isSafeInteger(bytes)) return bytes
  field.refuse(`is ${shown(text)}`, 'write an amount such as 512m')
  return undefined
}

/** How many run: one, unless it is said. */
export function replicasOf(service: Field): number {
  const deploy = service.get('deploy')
  if (deploy !== undefined) checkKeys(deploy, deployKeys)
  const mode = deploy?.get('mode')
  if (mode !== undefined && mode.text() !== 'replicated') mode.note('has no effect: there is one server')
  return Math.floor((deploy?.get('replicas') ?? service.get('scale'))?.number(0, mostProcesses) ?? 1)
}

/** Seconds until SIGKILL; undefined where nothing is said. */
export function graceOf(service: Field): number | undefined {
  const field = service.get('stop_grace_period')
  if (field === undefined || field.isNone) return undefined
  const seconds = secondsOf(field.text())
  if (seconds !== null && seconds <= longestGrace) return Math.ceil(seconds)
  field.refuse(`is ${shown(field.text())}`, 'write a duration of at most 10m, such as 30s')
  return undefined
}
