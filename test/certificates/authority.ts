import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../run.js'

/** A chain and its key, in PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface IssueOptions {
  readonly names?: readonly string[]
  readonly subject?: string
  /** How long it is good; one that is over is less than 0. */
  readonly days?: number
  /** What `openssl genpkey` takes. */
  readonly algorithm?: readonly string[]
  readonly authority?: true
}

const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** Issues certificates with openssl(1), as people have them from elsewhere. */
export class Authority implements AsyncDisposable {
  readonly #dir: string
  #count = 0
  private constructor(dir: string) {
    this.#dir = dir
  }

  static async open(): Promise<Authority> {
    return new Authority(await mkdtemp(join(tmpdir(), 'berth-ca-')))
  }

  /** @param by who issues it; nobody: it does itself */
  async issue(by: Issued | null, options: IssueOptions = {}): Promise<Issued> {
    const { names = [], subject = '/CN=leaf', days = 10, algorithm = p256, authority } = options
    const at = (name: string): string => join(this.#dir, `${String(this.#count)}-${name}`)
    this.#count += 1
    const extensions = [
      `basicConstraints=critical,CA:${authority ? 'TRUE' : 'FALSE'}`,
      ...(names.length === 0 ? [] : [`subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`]),
    ]
    await writeFile(at('ext'), `${extensions.join('\n')}\n`)
    await must('openssl', ['genpkey', ...algorithm, '-out', at('key')])
    await must('openssl', ['req', '-new', '-key', at('key'), '-subj', subject, '-out', at('csr')])
    if (by) {
      await writeFile(at('ca'), by.cert)
      await writeFile(at('ca-key'), by.key)
    }
    await must('openssl', [
      ...['x509', '-req', '-in', at('csr'), '-extfile', at('ext'), '-days', String(days), '-out', at('crt')],
      ...(by ? ['-CA', at('ca'), '-CAkey', at('ca-key'), '-CAcreateserial'] : ['-signkey', at('key')]),
    ])
    return { cert: await readFile(at('crt'), 'utf8'), key: await readFile(at('key'), 'utf8') }
  }

  /** Issues what a request (DER) asks for, if it is signed well. */
  async sign(by: Issued, request: Buffer, names: readonly string[]): Promise<string> {
    const at = (name: string): string => join(this.#dir, `signed-${String(this.#count)}-${name}`)
    this.#count += 1
    await writeFile(at('csr'), request)
    await writeFile(at('ca'), by.cert)
    await writeFile(at('ca-key'), by.key)
    await writeFile(at('ext'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`)
    await must('openssl', ['req', '-inform', 'DER', '-in', at('csr'), '-verify', '-noout'])
    return must('openssl', [
      ...['x509', '-req', '-inform', 'DER', '-in', at('csr'), '-extfile', at('ext'), '-days', '10'],
      ...['-CA', at('ca'), '-CAkey', at('ca-key'), '-CAcreateserial'],
    ])
  }

  /** What a request (DER) says in the words of `openssl req -text`. */
  async read(request: Buffer): Promise<string> {
    const file = join(this.#dir, 'request')
    await writeFile(file, request)
    return must('openssl', ['req', '-inform', 'DER', '-in', file, '-verify', '-noout', '-text'])
  }

  /** The key as `openssl pkey` encrypts it. */
  async encrypt({ key }: Issued, ...options: string[]): Promise<string> {
    const [plain, secret] = [join(this.#dir, 'plain'), join(this.#dir, 'secret')]
    await writeFile(plain, key)
    await must('openssl', [...options, '-in', plain, '-aes128', '-passout', 'pass:secret', '-out', secret])
    return readFile(secret, 'utf8')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true })
  }
}
