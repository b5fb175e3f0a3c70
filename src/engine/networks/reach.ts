import type { Reach } from '../config.js'
import { EngineError } from '../errors.js'
import type { PortRequest } from '../records.js'

/**
 * Reads `host`, `host:PORT`, `host:PORT/udp` and `link-local`, by commas. A port is TCP's where it does not say.
 * @throws EngineError `invalid`
 */
export function parseReach(text: string): Reach {
  const words = text.split(',').map((word) => word.trim())
  const ports = words.flatMap((word): Reach['ports'][number][] => {
    if (['', 'host', 'link-local'].includes(word)) return []
    const [, digits, protocol = 'tcp'] = /^host:(\d{1,5})(?:\/(tcp|udp))?$/.exec(word) ?? []
    const hostPort = Number(digits)
    if (!(hostPort >= 1 && hostPort <= 65535))
      throw new EngineError('invalid', `--reach wants host, host:PORT[/udp] or link-local, by commas, not "${word}"`)
    return [{ protocol: protocol as PortRequest['protocol'], hostPort }]
  })
  return { host: words.includes('host'), ports, linkLocal: words.includes('link-local') }
}

/**
 * Where clouds answer a machine's questions about itself. Link-local as RFC 3927 and RFC 4291 have it, and those of other
 * ranges: Azure 168.63.129.16, Alibaba 100.100.100.200, Oracle 192.0.0.192, AWS fd00:ec2::/32, Google fd20:ce::254; and
 * the first by way of NAT64 (RFC 6052).
 */
export const metadata = {
  4: ['169.254.0.0/16', '168.63.129.16', '100.100.100.200', '192.0.0.192'],
  6: ['fe80::/10', 'fd00:ec2::/32', 'fd20:ce::254', '64:ff9b::a9fe:0/112'],
} as const
