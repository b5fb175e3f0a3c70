import { shown, type Field } from './field.js'

const way = 'processes have no rights beyond their container: take it out'

/** Key -> the values that ask for no more than every process has. */
const usual: Readonly<Record<string, readonly string[]>> = {
  privileged: ['false', 'no', 'off', ''],
  pid: [''],
  ipc: ['private', 'none', ''],
  uts: [''],
  userns_mode: ['private', ''],
  cgroup: ['private', ''],
  network_mode: ['bridge', 'default', ''],
}

/** Refuses what would give a process more of the server than its container. */
export function checkRights(service: Field): void {
  for (const [key, values] of Object.entries(usual)) {
    const at = service.get(key)
    if (at === undefined || values.includes(at.text().toLowerCase())) continue
    at.refuse(
      `is ${shown(at.text())}, which is not supported`,
      key === 'network_mode' ? 'say which networks it is on, below networks' : way,
    )
  }
  for (const one of service.get('security_opt')?.items() ?? [])
    // every process has it
    if (!/^no-new-privileges(?:[:=]true)?$/.test(one.text()))
      one.refuse(`is ${shown(one.text())}, which is not supported`, way)
}
