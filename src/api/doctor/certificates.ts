import { toUnicode } from '../../lib/hostname.js'
import type { AcmeJob } from '../../store/acme.js'
import type { Certificate } from '../../store/certificates.js'
import type { Finding } from './contract.js'
import { sayOf, type Examination } from './examination.js'

const { ok, warning, error } = sayOf('certificates')

const day = 86_400_000
/** Somebody has to bring another one in time, ms. */
const soon = 21 * day

/** Certificates that have expired or will, and orders that fail. */
export const examineCertificates: Examination = async ({ store }) => {
  const [all, jobs, apps] = await Promise.all([store.certificates.list(), store.acme.jobs(), store.apps.list()])
  const names = new Map(apps.map(({ id, name }) => [id, name]))
  const optionOf = (app: string | null): string => (app === null ? '--platform' : `-a ${names.get(app) ?? app}`)
  const wrong = [
    ...jobs.filter(({ failures }) => failures > 0).map((job) => failing(job, all, optionOf(job.app))),
    ...all.filter(({ source }) => source === 'own').flatMap((one) => expiring(one, optionOf(one.app))),
  ]
  return wrong.length > 0
    ? wrong
    : [ok(`${String(all.length)}, none near its end; ${String(jobs.length)} are looked after, none fails`)]
}

function failing(job: AcmeJob, all: readonly Certificate[], option: string): Finding {
  const until = all.find(({ id }) => id === job.certificate)?.notAfter ?? 0
  const left = until - Date.now()
  const say = left > 7 * day ? warning : error
  const now =
    until === 0
      ? 'it has none'
      : left < 0
        ? 'the one that it has has expired'
        : `the one that it has is good for ${String(Math.floor(left / day))} days`
  const next = new Date(job.next).toISOString()
  return say(
    `none was had ${String(job.failures)} ${job.failures === 1 ? 'time' : 'times'} in a row, ${now}: ${job.failure ?? ''}`,
    `it is tried again at ${next}, or by \`berth certs:renew ${option}\``,
    toUnicode(job.host),
  )
}

function expiring({ names, notAfter }: Certificate, option: string): Finding[] {
  const left = notAfter - Date.now()
  if (left > soon) return []
  const hint = `\`berth certs:add ${option}\` brings another, \`berth certs:auto on ${option}\` has Berth order them`
  const subject = toUnicode(names[0] ?? '')
  if (left < 0) return [error('it has expired', hint, subject)]
  return [warning(`it expires in ${String(Math.floor(left / day))} days, and somebody has brought it`, hint, subject)]
}
