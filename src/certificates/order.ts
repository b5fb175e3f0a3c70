import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { sha256 } from '../config.js'
import { BerthError, is } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { isToken, type Acme, type AcmeJob, type ProofType } from '../store/acme.js'
import { coversHost, type Certificate, type Certificates } from '../store/certificates.js'
import { AcmeClient, type Authority, type Challenge, type Order } from './acme/client.js'
import { certificateRequest, renewalId } from './acme/der.js'
import { AcmeProblem } from './acme/problem.js'
import { Lost, lost } from './lost.js'
import { proofOf, proofTypeOf, Unshown, type Proof, type ProofDeps } from './proofs.js'
import { readCertificate } from './read.js'

/** How long a certificate is worked on in one go; the next goes on where it was. ms. */
const defaultPatience = 180_000

/** What ordering takes. */
export interface OrderDeps extends ProofDeps {
  readonly authority: Authority
  readonly store: { readonly acme: Acme; readonly certificates: Certificates }
  /** ms between two looks at the CA. */
  readonly pace?: number | undefined
  /** ms that one certificate is worked on in one go. */
  readonly patience?: number | undefined
}

const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Opens the CA for somebody, with the account that Berth has there. */
export async function withClient<T>(
  { authority, store, signal, pace }: OrderDeps,
  task: (client: AcmeClient) => Promise<T>,
): Promise<T> {
  const { directory } = authority
  const account = await store.acme.account(directory, newKey)
  const options = { key: createPrivateKey(account.key), account: account.url, signal }
  using client = new AcmeClient(authority, pace === undefined ? options : { ...options, pace })
  const register = async (): Promise<void> => store.acme.setAccountUrl(directory, await client.register())
  if (account.url === null) await register()
  try {
    return await task(client)
  } catch (error) {
    if (!(error instanceof AcmeProblem) || error.kind !== 'accountDoesNotExist') throw error
    await register() // the CA has lost it, or has begun anew
    return await task(client)
  }
}

/**
 * Brings a job to its certificate, from wherever it is. What the CA is about to be told is recorded first, so that a worker that is
 * killed at any point leaves what the next one ends: one order, one key, one certificate.
 * @throws BerthError why there is none yet; the job is as it should go on from
 */
export async function carryOut(deps: OrderDeps, job: AcmeJob): Promise<Certificate> {
  using late = deadline(deps.patience ?? defaultPatience, deps.signal)
  const limited = { ...deps, signal: late.signal }
  try {
    return await withClient(limited, (client) => run(limited, client, job))
  } catch (error) {
    if (deps.signal.aborted) throw error
    if (isGone(error)) await deps.store.acme.update(job, { order: null, key: null })
    if (late.signal.aborted)
      throw new BerthError(
        'unavailable',
        'the CA takes its time: there is no certificate yet',
        'it is asked again later',
      )
    throw error
  }
}

/** Refusals after which an order is good for nothing. A CA that is short of something may have it later. */
const isOver = ({ kind }: AcmeProblem): boolean => !['rateLimited', 'serverInternal', 'badNonce'].includes(kind)

async function run(deps: OrderDeps, client: AcmeClient, job: AcmeJob): Promise<Certificate> {
  const { url, key } = await begin(deps, client, job)
  let order = await client.order(url)
  if (order.status === 'pending') {
    for (const authorization of order.authorizations) await authorize(deps, client, job, authorization)
    order = await client.until(async () => settled(await client.order(url), ['pending']))
  }
  if (order.status === 'ready') {
    const secret = createPrivateKey(key)
    await client.finalize(order.finalize, certificateRequest([job.host], secret, createPublicKey(secret)))
    order = await client.until(async () => settled(await client.order(url), ['ready', 'processing']))
  }
  if (order.status === 'processing')
    order = await client.until(async () => settled(await client.order(url), ['processing']))
  if (order.status !== 'valid' || order.certificate === null) throw lost(`the CA says the order is ${order.status}`)
  return keep(deps, job, await client.certificate(order.certificate), key)
}

/** An order that has come further. @throws Lost of one that is over */
function settled(order: Order, waiting: readonly string[]): Order | null {
  if (order.status === 'invalid')
    throw lost(order.problem?.message ?? 'the CA has given the order up', order.problem?.hint)
  return waiting.includes(order.status) ? null : order
}

/** The order of a job, made unless it has one with this CA. */
async function begin(
  { authority, store }: OrderDeps,
  client: AcmeClient,
  job: AcmeJob,
): Promise<{ url: string; key: string }> {
  const { directory } = authority
  if (job.order !== null && job.key !== null && job.directory === directory) return { url: job.order, key: job.key }
  const key = newKey()
  await store.acme.update(job, { directory, key, order: null })
  const before = job.certificate === null ? null : await store.certificates.get(job.certificate)
  const replaces = before === null ? null : renewalId(new X509Certificate(before.chain))
  const url = await client.newOrder([job.host], replaces).catch((error: unknown) => {
    // one that is replaced already, or that another CA issued: it is no reason to have none
    if (replaces === null || !(error instanceof AcmeProblem) || error.kind === 'rateLimited') throw error
    return client.newOrder([job.host], null)
  })
  await store.acme.update(job, { order: url })
  return { url, key }
}

/** Proves that a hostname is ours (RFC 8555 §8.3, §8.4, RFC 8737). */
async function authorize(deps: OrderDeps, client: AcmeClient, job: AcmeJob, url: string): Promise<void> {
  const { status, challenges } = await client.authorization(url)
  const { host } = job
  const type = proofTypeOf(job, deps)
  const challenge = challenges.find((one) => one.type === type)
  const proof =
    challenge && isToken(challenge.token)
      ? proofOf(deps, { host, type, token: challenge.token, answer: client.answerTo(challenge.token) })
      : undefined
  // there was a verdict while no worker was there: what it has left goes, if who keeps it lets it
  if (status !== 'pending') await proof?.hide().catch(orAway)
  if (status === 'valid') return
  if (status !== 'pending') throw lost(`the CA says the authorization is ${status}`)
  const now =
    challenge &&
    proof &&
    (await verdictOn({ client, url, challenge, proof }).catch(async (error: unknown) => {
      if (error instanceof Unshown) await deps.store.acme.update(job, { refused: type })
      throw error
    }))
  if (now?.status !== 'valid') await deps.store.acme.update(job, { refused: type })
  else if (type !== (job.proof ?? 'http-01')) await deps.store.acme.update(job, { proof: type, refused: null })
  if (now === undefined) throw lost(`the CA offers no ${type} challenge`)
  if (now.status !== 'valid') throw refusedBy(now.challenges, now.status, type)
}

/** Until there is a verdict the CA may still ask, whether this worker is there or the next: what is shown goes with the order alone. */
async function verdictOn({
  client,
  url,
  challenge,
  proof,
}: {
  readonly client: AcmeClient
  readonly url: string
  readonly challenge: Challenge
  readonly proof: Proof
}): Promise<{ readonly status: string; readonly challenges: readonly Challenge[] }> {
  try {
    await proof.show()
    if (challenge.status === 'pending') await client.ready(challenge)
    const now = await client.until(async () => {
      const seen = await client.authorization(url)
      return seen.status === 'pending' ? null : seen
    })
    await proof.hide()
    return now
  } catch (error) {
    if (isGone(error) || error instanceof Unshown) await proof.hide().catch(orAway)
    throw error
  }
}

/** Whether an order has come to nothing. */
const isGone = (error: unknown): boolean => error instanceof Lost || (error instanceof AcmeProblem && isOver(error))

/** Who keeps a record and is away now keeps it a while longer: it proves nothing any more. */
function orAway(error: unknown): void {
  if (!(error instanceof BerthError)) throw error
}

function refusedBy(challenges: readonly Challenge[], status: string, type: ProofType): Lost {
  const problem = challenges.find((one) => one.problem !== null)?.problem
  const how = type === 'tls-alpn-01' ? ` (${type})` : ''
  const hint = how && problem?.kind === 'connection' ? 'the CA must reach this server on port 443' : problem?.hint
  return lost(`${problem?.message ?? `the CA says the authorization is ${status}`}${how}`, hint)
}

/** Takes what the CA sends for the certificate that was ordered, if it is that. */
async function keep({ store }: OrderDeps, job: AcmeJob, chain: string, key: string): Promise<Certificate> {
  let read
  try {
    read = readCertificate(chain, key)
  } catch (error) {
    if (!is(error, 'invalid')) throw error
    throw lost(`what the CA issued is not what was ordered: ${error.message}`)
  }
  if (!read.names.some((name) => coversHost(name, job.host)))
    throw lost(`what the CA issued is for ${read.names.slice(0, 3).join(', ')}, not for ${job.host}`)
  const certificate: Certificate = { id: certificateIdOf(job), ...read, source: 'acme', app: job.app }
  await store.certificates.put(certificate)
  return certificate
}

/** The next certificate of a hostname takes the place of the one before. */
export const certificateIdOf = ({ app, host }: Pick<AcmeJob, 'app' | 'host'>): string =>
  sha256(`acme ${app ?? ''} ${host}`).slice(0, 12)
