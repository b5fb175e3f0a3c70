import { reasonAgainst } from '../../certificates/wanted.js'
import type { AcmeJob } from '../../store/acme.js'
import { certificateFor, type Certificate } from '../../store/certificates.js'
import type { CertState } from './contract.js'

/** What decides how it is with the certificate of a hostname. */
export interface Certified {
  /** Of the app that has it; null is the platform. */
  readonly id: string | null
  readonly autoCerts: boolean
  readonly certificates: readonly Certificate[]
  readonly jobs: readonly AcmeJob[]
  /** TXT records can be made. */
  readonly dns: boolean
}

/** How it is with the certificate of a hostname. */
export function certState(host: string, { id, autoCerts, certificates, jobs, dns }: Certified): CertState {
  const shown = certificateFor(certificates, host, id)
  const job = jobs.find((one) => one.host === host)
  const time = (ms: number): string => new Date(ms).toISOString()
  return {
    certificate: shown && { id: shown.id, source: shown.source, notAfter: time(shown.notAfter) },
    order: job
      ? {
          ...{ failures: job.failures, failure: job.failure, next: time(job.next) },
          renew: job.renew === null ? null : time(job.renew),
          ca: new URL(job.directory).host,
        }
      : null,
    unordered: autoCerts ? reasonAgainst(host, { certificates, app: id, dns }) : null,
  }
}
