import type { DomainCheck } from '../domains/contract.js'
import { checkDomains } from '../domains/check.js'
import type { Finding } from './contract.js'
import { sayOf, type Examination } from './examination.js'

const { ok, warning } = sayOf('domains')

/** What DNS says of the hostnames of all apps. */
export const examineDomains: Examination = async ({ config, store }, signal) => {
  const apps = (await store.apps.list()).filter(({ domains = [] }) => domains.length > 0)
  const wrong: Finding[] = []
  let count = 0
  for (const [at, app] of apps.entries()) {
    if (signal.aborted) {
      wrong.push(
        warning(
          `those of ${String(apps.length - at)} apps were not asked for: DNS took too long`,
          '`berth domains:check -a APP`',
        ),
      )
      break
    }
    const own = config.appHost(app.name)
    for (const check of await checkDomains(config, app)) {
      if (check.host === own) continue // as all that have the domain of apps
      count += 1
      if (check.status !== 'here') wrong.push(misled(check, app.name))
    }
  }
  return wrong.length > 0
    ? wrong
    : [ok(count === 0 ? 'no app has one of its own' : `${String(count)}, and all lead here`)]
}

function misled({ shown, says, should }: DomainCheck, app: string): Finding {
  const hint =
    should.length === 0 ? `\`berth domains:check -a ${app}\`` : `where its DNS is kept: ${should.join(', or ')}`
  return warning(`${app}: ${says}`, hint, shown)
}
