import { BerthError } from '../../errors.js'
import type { App } from '../../store/apps.js'
import { certificateFor, type Certificate } from '../../store/certificates.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

/** What browsers keep (RFC 6797 §6.1). */
const header = 'strict-transport-security'

/** The app's rules with so many seconds for which browsers come by HTTPS alone; 0 has them forget. */
function withHsts({ rules = {} }: App, seconds: number | null): Pick<App, 'rules'> {
  return seconds === null ? {} : { rules: { ...rules, headers: { ...rules.headers, [header]: `max-age=${seconds}` } } }
}

/** @throws BerthError `conflict` unless all domains of an app, or its own hostname where it has none, have a certificate */
function checkCertified({ id, name, domains = [] }: App, own: string, all: readonly Certificate[]): void {
  const hosts = domains.length > 0 ? domains.map(({ host }) => host) : [own]
  const lacking = hosts.filter((host) => (certificateFor(all, host, id)?.notAfter ?? 0) <= Date.now())
  if (lacking.length === 0) return
  throw new BerthError(
    'conflict',
    `there is no valid certificate for ${lacking.slice(0, 3).join(', ')}: browsers that were told once could not come any more`,
    `\`berth certs:auto on -a ${name}\` has them ordered`,
  )
}

/** Has clients sent on to HTTPS, and perhaps browsers remember that. */
export const httpsHandler =
  ({ config, store }: ControlApiDeps): HandlersOf<'domains'>['https'] =>
  async ({ https, hsts = null }, { app }) => {
    if (https && config.httpsPort === undefined && config.trustedProxies.length === 0)
      throw new BerthError(
        'conflict',
        'this Berth has no HTTPS to send clients on to',
        'set BERTH_HTTPS_PORT, or BERTH_TRUSTED_PROXIES where a proxy before it has',
      )
    if (hsts !== null && hsts > 0 && !https)
      throw new BerthError(
        'invalid',
        'browsers cannot be told to come by HTTPS alone where plain HTTP is answered',
        '`berth domains:https on --hsts`',
      )
    if (hsts !== null && hsts > 0 && config.httpsPort !== undefined)
      checkCertified(app, config.appHost(app.name), await store.certificates.list())
    const { rules } = await store.apps.update(app.id, (now) => {
      const was = now.rules?.headers?.[header] !== undefined
      return { https, ...withHsts(now, https || !was ? hsts : 0) }
    })
    const said = /^max-age=(\d+)$/.exec(rules?.headers?.[header] ?? '')?.[1]
    return { https, hsts: said === undefined ? null : Number(said) }
  }
