import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { DockerEngine } from './harness.js'
import { openDoor, type Place } from './registry-lab.js'

/** A forward proxy that wants a name and a password, and knows some hosts only. */
export interface Proxy extends Place {
  /** `CONNECT host:port`, `GET http://…`, in order. */
  readonly asked: string[]
}

/** @param hosts `host:port` as clients ask for it, to `host:port` where it is */
export async function openProxy(
  engine: DockerEngine,
  port: number,
  account: string,
  hosts: ReadonlyMap<string, string>,
): Promise<Proxy> {
  const asked: string[] = []
  const tunnels = new Set<Duplex>()
  const wanted = `Basic ${Buffer.from(account).toString('base64')}`
  const server = createServer((from, to) => {
    asked.push(`${from.method ?? ''} ${from.url ?? ''}`)
    const { authorization, ...headers } = from.headers
    const url = new URL(from.url ?? '', 'http://nowhere')
    const target = hosts.get(`${url.hostname}:${url.port || '80'}`)?.split(':')
    if (from.headers['proxy-authorization'] !== wanted) to.writeHead(407).end()
    else if (!target) to.writeHead(502).end()
    else {
      const [host, at] = target
      const path = url.pathname + url.search
      const way = {
        host,
        port: at,
        method: from.method,
        path,
        headers: authorization ? { ...headers, authorization } : headers,
      }
      const onward = request(way, (answer) => answer.pipe(to.writeHead(answer.statusCode ?? 500, answer.headers)))
      onward.on('error', () => to.destroy())
      from.pipe(onward)
    }
  })
  server.on('connect', (from, near, head) => {
    asked.push(`CONNECT ${from.url ?? ''}`)
    const refuse = (status: string) => near.end(`HTTP/1.1 ${status}\r\n\r\n`)
    const [host, at] = hosts.get(from.url ?? '')?.split(':') ?? []
    if (from.headers['proxy-authorization'] !== wanted) refuse('407 Proxy Authentication Required')
    else if (host === undefined) refuse('403 Forbidden')
    else {
      const far = connect({ host, port: Number(at) }, () => {
        near.write('HTTP/1.1 200 Connection established\r\n\r\n')
        far.write(head)
        near.pipe(far).pipe(near)
      })
      for (const end of [near, far]) tunnels.add(end.on('error', () => [near, far].forEach((one) => one.destroy())))
    }
  })
  const door = await openDoor(server, engine, port)
  return {
    asked,
    host: door.host,
    [Symbol.asyncDispose]: async () => {
      for (const end of tunnels) end.destroy()
      await door[Symbol.asyncDispose]()
    },
  }
}
