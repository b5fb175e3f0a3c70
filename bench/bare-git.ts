import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../test/run.js'

/** What a push costs with no platform behind it: a bare repository over HTTP, as git itself serves one. */
export interface BareGit extends AsyncDisposable {
  readonly url: string
}

/** git-http-backend(1), on a port of this machine. */
export async function openBareGit(): Promise<BareGit> {
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-bare-'))
  await must('git', ['init', '--quiet', '--bare', join(root, 'app.git')])
  await must('git', ['-C', join(root, 'app.git'), 'config', 'http.receivepack', 'true'])
  const server = createServer((request, response) => serve(root, request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/app.git`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** RFC 3875 (CGI), as much of it as git uses. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://bare')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => {
    if (response.headersSent) {
      response.write(chunk)
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end === -1) return
    const fields = head.toString('latin1', 0, end).split('\r\n')
    const pairs = fields.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    const status = pairs.find(([name]) => name === 'Status')?.[1] ?? '200'
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(pairs.filter(([name]) => name !== 'Status')))
    response.write(head.subarray(end + 4))
  })
  child.stdout.once('end', () => response.end())
}
