import { messageOf } from '../../errors.js'
import { deadline } from '../../lib/deadline.js'
import { version } from '../../version.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { examineApps } from './apps.js'
import { examineBackups } from './backups.js'
import { examineCertificates } from './certificates.js'
import type { Finding } from './contract.js'
import { examineDomains } from './domains.js'
import { sayOf, type Examination } from './examination.js'
import { examineDisk, examineEngine, examinePlugins, examineStore, examineWorker } from './parts.js'
import { examineWaysIn } from './ways-in.js'

const examinations: Readonly<Record<Finding['area'], Examination>> = {
  router: examineWaysIn,
  worker: examineWorker,
  engine: examineEngine,
  store: examineStore,
  disk: examineDisk,
  apps: examineApps,
  domains: examineDomains,
  certificates: examineCertificates,
  plugins: examinePlugins,
  backups: examineBackups,
}

/** ms that looking at one area may take. */
const patience = 20_000

const order: readonly Finding['level'][] = ['error', 'warning', 'ok']

export const doctorHandlers = (platform: ControlApiDeps): HandlersOf<'doctor'> => ({
  examine: async (_, { signal }) => {
    const areas = Object.entries(examinations) as [Finding['area'], Examination][]
    const found = await Promise.all(areas.map(([area, examine]) => look(platform, { area, examine }, signal)))
    const findings = found.flat()
    return { version, findings: order.flatMap((level) => findings.filter((one) => one.level === level)) }
  },
})

interface Look {
  readonly area: Finding['area']
  readonly examine: Examination
}

/** What is found, that it cannot be looked at among it: one part that is away hides no other. */
async function look(
  platform: ControlApiDeps,
  { area, examine }: Look,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  using limit = deadline(patience, signal)
  const over = Promise.withResolvers<never>()
  const end = (): void => over.reject(limit.signal.reason as Error)
  limit.signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([examine(platform, limit.signal), over.promise])
  } catch (cause) {
    signal.throwIfAborted()
    return [sayOf(area).error(`cannot be looked at: ${messageOf(cause)}`, 'see api.log in the log directory')]
  } finally {
    limit.signal.removeEventListener('abort', end)
  }
}
