import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../config.js'

/** Whether a request came by plain HTTP, as far as the router knows; what did not come by the router came from this machine. */
export const cameByHttp = (headers: IncomingHttpHeaders): boolean => headers['x-forwarded-proto'] === 'http'

/** Where Berth is for who sent a request: `https://berth.example.org:8443` where they came by HTTPS, else as its settings say. */
export function callerUrl(config: Config, headers: IncomingHttpHeaders): string {
  if (headers['x-forwarded-proto'] !== 'https') return config.url
  const port = Number(headers['x-forwarded-port'])
  const isOther = Number.isInteger(port) && port > 0 && port < 65536 && port !== 443
  return `https://${config.appHost('berth')}${isOther ? `:${String(port)}` : ''}`
}
