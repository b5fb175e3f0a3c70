/** The other processes of these benches: the app behind all proxies, and a bare http-proxy. */
import { createServer } from 'node:http'
import '../src/router/extend.js'
import httpProxy from 'http-proxy'

const body = 'hello '.repeat(150)
const piece = Buffer.alloc(1 << 20, 'x')

/** `/`: a small answer; `/BYTES`: as many; POST: how many have come. */
function app(port: number): void {
  createServer((request, response) => {
    const bytes = Number(request.url?.slice(1))
    if (request.method === 'POST') {
      let size = 0
      request.on('data', (more: Buffer) => (size += more.length)).on('end', () => response.end(String(size)))
      return
    }
    if (!(bytes > 0)) {
      response.end(body)
      return
    }
    response.writeHead(200, { 'content-length': bytes })
    let left = bytes
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        const next = left >= piece.length ? piece : piece.subarray(0, left)
        left -= next.length
        if (!response.write(next)) {
          response.once('drain', more)
          return
        }
      }
      if (left === 0) response.end()
    }
    more()
  })
    .on('upgrade', (_request, socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    )
    .listen({ port, host: '127.0.0.1', backlog: 4096 })
}

const [role, port, appPort = '0'] = process.argv.slice(2)
if (role === 'app') app(Number(port))
else httpProxy.createProxyServer({ target: `http://127.0.0.1:${appPort}` }).listen(Number(port))
