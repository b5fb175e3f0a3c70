import { expect } from 'chai'
import { forkyPrograms } from '../../forky.js'
import { run } from '../../run.js'

/** What a client by HTTP/3 was answered. */
export interface Http3Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Has programs that are started from here on find an HAProxy with QUIC. @returns what takes it back, and a curl that speaks HTTP/3 */
export async function withHttp3(): Promise<{ readonly curl: string } & Disposable> {
  const programs = await forkyPrograms()
  const { PATH = '' } = process.env
  process.env.PATH = `${programs}:${PATH}`
  return { curl: `${programs}/curl`, [Symbol.dispose]: () => (process.env.PATH = PATH) }
}

/** Asks by HTTP/3 and nothing else. */
export async function askHttp3(
  curl: string,
  host: string,
  port: number,
  { path = '/', args = [], address = '127.0.0.1' }: { path?: string; args?: readonly string[]; address?: string } = {},
): Promise<Http3Answer> {
  const at = ['--resolve', `${host}:${String(port)}:${address}`]
  const options = ['-sSk', '-i', '--http3-only', '--max-time', '20', ...at, ...args]
  const { code, stdout, stderr } = await run(curl, [...options, `https://${host}:${String(port)}${path}`])
  expect(code, stderr).to.equal(0)
  const end = stdout.indexOf('\r\n\r\n')
  const [first = '', ...lines] = stdout.slice(0, end).split('\r\n')
  expect(first).to.match(/^HTTP\/3 /)
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ])
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: stdout.slice(end + 4),
  }
}
