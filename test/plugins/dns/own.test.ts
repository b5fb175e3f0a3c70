import { expect } from 'chai'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { timingSafeEqual } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../../plugins/dns-exec/index.js'
import { webhook } from '../../../plugins/dns-webhook/index.js'
import { signatureOf } from '../../../src/plugins/signed.js'
import type { DnsPlugin } from '../../../src/plugins/public.js'
import { startApi, type ApiAnswer, type ApiRequest } from './api-server.js'
import { describeDns, refusal, type DnsRig } from './describe-dns.js'

const own = ['example.org', 'deep.example.org']
const secret = 'a secret of the two'
const never = new AbortController().signal

async function webhookRig(): Promise<DnsRig> {
  const said = new Map<string, Set<string>>()
  const answer = ({ method, headers, body }: ApiRequest): ApiAnswer => {
    const time = String(headers['berth-time'])
    const given = Buffer.from(String(headers['berth-signature']))
    const expected = Buffer.from(`sha256=${signatureOf(body, time, secret)}`)
    if (method !== 'POST' || given.length !== expected.length || !timingSafeEqual(given, expected))
      return { status: 403, body: 'not signed by whom I know\n' }
    if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return { status: 403, body: 'too old' }
    const { action, type, name, text } = JSON.parse(body) as Record<string, string>
    const texts = said.get(name ?? '') ?? new Set()
    said.set(name ?? '', texts)
    if (action === 'add' && type === 'TXT') texts.add(text ?? '')
    else texts.delete(text ?? '')
    return { status: 204, body: '' }
  }
  const server = await startApi(answer, { status: 429, body: '', headers: { 'retry-after': '0' } })
  return {
    plugin: webhook({ url: server.url, secret, zones: own }),
    stranger: webhook({ url: server.url, secret: 'another secret', zones: own }),
    texts: (name) => Promise.resolve([...(said.get(name) ?? [])].sort()),
    put: (_, name, text) => Promise.resolve(void said.set(name, new Set([text]))),
    end: () => Promise.resolve(server[Symbol.asyncDispose]()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** One line a record in a file a name; `flock` lets one run at a time. */
const script = (folder: string): string => `#!/bin/sh
set -e
record=$(cat)
field() { printf %s "$record" | sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p"; }
file=${folder}/$(field name)
exec 9> ${folder}/.lock; flock 9
touch "$file"
grep -vxF "$(field text)" "$file" > "$file.new" || true
[ "$1" = remove ] || field text >> "$file.new"
[ "$1" = remove ] || echo >> "$file.new"
mv "$file.new" "$file"
`

async function execRig(): Promise<DnsRig> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-exec-'))
  const [command, stranger] = [join(folder, 'change'), join(folder, 'refuse')]
  await writeFile(command, script(folder))
  await writeFile(stranger, '#!/bin/sh\necho no credentials >&2; exit 1\n')
  for (const file of [command, stranger]) await chmod(file, 0o755)
  const plugin = program({ command, zones: own })
  return {
    plugin,
    stranger: program({ command: stranger, zones: own }),
    texts: async (name) =>
      (await readFile(join(folder, name), 'utf8').catch(() => ''))
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    put: (_, name, text) => writeFile(join(folder, name), `${text}\n`),
    end: () => rm(command),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

describeDns('dns-webhook', webhookRig)
describeDns('dns-exec', execRig)

describe('a DNS hook of somebody’s own', () => {
  const why = async (plugin: DnsPlugin): Promise<string> =>
    (await refusal(() => plugin.add({ zone: 'example.org', name: 'x.example.org', text: 'x' }, never))).message

  it('says why it does not', async () => {
    await using server = await startApi(() => ({ status: 500, body: 'no room\nmore' }), { status: 429, body: '' }, 1e9)
    expect(await why(webhook({ url: server.url, secret, zones: own }))).to.equal('the DNS webhook answers 500: no room')
    await using rig = await execRig()
    expect(await why(rig.stranger)).to.match(/refuse ends with 1: no credentials$/)
  })

  it('leads nowhere else', async () => {
    await using other = await startApi(() => ({ status: 204, body: '' }), { status: 429, body: '' }, 1e9)
    const moved = { status: 307, body: '', headers: { location: other.url } }
    await using server = await startApi(() => moved, moved, 1e9)
    expect(await why(webhook({ url: server.url, secret, zones: own }))).to.match(/cannot be asked: unexpected redirect/)
    expect(other.asked).to.deep.equal([])
  })

  it('says no more than may be read', async () => {
    await using server = await startApi(
      () => ({ status: 200, body: 'x'.repeat(3 * 2 ** 20) }),
      { status: 429, body: '' },
      1e9,
    )
    expect(await why(webhook({ url: server.url, secret, zones: own }))).to.match(/more than 2097152 bytes/)
  })
})
