import type { PlaneTarget } from 'berth/plugin'

/** What is read from HAProxy's answers (management.txt §9.3). */

/** A server of a slot. */
export interface KnownServer extends PlaneTarget {
  /** It takes no new requests. */
  readonly retired: boolean
}

/** `show backend`: how many slots were declared. */
export const slotsIn = (answer: string): number => answer.match(/^s\d+$/gm)?.length ?? 0

/** `show servers state`: the servers of each slot. */
export function serversIn(answer: string): Map<number, KnownServer[]> {
  const slots = new Map<number, KnownServer[]>()
  let columns: readonly string[] = []
  for (const line of answer.split('\n')) {
    if (line.startsWith('# ')) {
      columns = line.slice(2).split(' ')
      continue
    }
    const fields = line.split(' ')
    const field = (name: string): string => fields[columns.indexOf(name)] ?? ''
    const [, slot] = /^s(\d+)$/.exec(field('be_name')) ?? []
    if (slot === undefined) continue
    const servers = slots.get(Number(slot)) ?? []
    const retired = field('srv_admin_state') !== '0'
    servers.push({ id: field('srv_name'), host: field('srv_addr'), port: Number(field('srv_port')), retired })
    slots.set(Number(slot), servers)
  }
  return slots
}

/** `show map`: a line has a pointer, a key, a value. */
export function mapIn(answer: string): Map<string, string> {
  const lines = answer.matchAll(/^0x[0-9a-f]+ (\S+) (\S+)$/gm)
  return new Map(Array.from(lines, ([, key = '', value = '']) => [key, value]))
}

/** `show ssl crt-list -n`: the names for which each file is shown. */
export function listIn(answer: string): Map<string, string> {
  const lines = answer.matchAll(/^(\/\S+):\d+(?: \[[^\]]*\])?(?: (.*))?$/gm)
  return new Map(Array.from(lines, ([, path = '', names = '']) => [path, names.trim()]))
}

/** `show proc`: process ids of workers that a newer one has taken over from. */
export function eldersIn(answer: string): number[] {
  const [, elders = ''] = /^# old workers\n([^#]*)/m.exec(answer) ?? []
  return Array.from(elders.matchAll(/^(\d+)\s/gm), ([, pid = '']) => Number(pid))
}

/** `show stat`: names of servers in slots that have something in their hands. */
export function busyIn(answer: string): string[] {
  return answer.split('\n').flatMap((line) => {
    const [backend = '', server = '', , , current = '0'] = line.split(',')
    return /^s\d+$/.test(backend) && Number(current) > 0 ? [server] : []
  })
}
