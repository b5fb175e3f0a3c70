import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Family } from '../kernel/ip.js'

const read = (path: string): string => readFileSync(path, 'utf8').trim()

/** Has the host forward packets, which containers need to reach the outside. It stays so. */
export function allowForwarding(family: Family, report: (line: string) => void): void {
  const path = family === 4 ? '/proc/sys/net/ipv4/ip_forward' : '/proc/sys/net/ipv6/conf/all/forwarding'
  if (!existsSync(path) || read(path) === '1') return
  if (family === 6) keepAdvertisedRoutes()
  writeFileSync(path, '1')
  report(`enabled ${family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding'}: containers need it`)
}

/** A host that forwards no longer takes its own routes from router advertisements, unless told to (2) all the same. */
function keepAdvertisedRoutes(): void {
  const dir = '/proc/sys/net/ipv6/conf'
  for (const name of readdirSync(dir)) {
    const path = `${dir}/${name}/accept_ra`
    if (name !== 'all' && name !== 'default' && name !== 'lo' && read(path) === '1') writeFileSync(path, '2')
  }
}
