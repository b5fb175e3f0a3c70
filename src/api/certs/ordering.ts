import { reasonAgainst, type Deciding } from '../../certificates/wanted.js'
import { BerthError } from '../../errors.js'
import { readHostname } from '../../lib/hostname.js'
import type { ControlApiDeps } from '../platform.js'
import type { CertOrders } from './contract.js'
import type { CertOwner } from './owner.js'

/** Has certificates ordered for an owner's hostnames, or not. */
export async function setAuto({ store }: ControlApiDeps, owner: CertOwner, auto: boolean): Promise<CertOrders> {
  await owner.setAuto(auto)
  const by = {
    certificates: await store.certificates.list(),
    app: owner.id,
    dns: await store.plugins.hasEnabled('dns'),
  }
  const said = owner.hosts.map((host) => ({ host, why: reasonAgainst(host, by) }))
  return {
    auto,
    hosts: auto ? said.filter(({ why }) => why === null).map(({ host }) => host) : [],
    not: auto ? said.flatMap(({ host, why }) => (why === null ? [] : [{ host, why }])) : [],
  }
}

/** @throws BerthError `conflict` where none are ordered, `missing` where it has no such hostname */
export async function renew(
  { store }: ControlApiDeps,
  owner: CertOwner,
  text: string | undefined,
): Promise<{ hosts: string[] }> {
  if (!owner.autoCerts && owner.demanded.size === 0)
    throw new BerthError(
      'conflict',
      `no certificates are ordered for ${owner.name}`,
      `\`berth certs:auto on ${owner.option}\` has them ordered`,
    )
  const read = text === undefined ? null : readHostname(text)
  const host = read === null ? null : 'host' in read ? read.host : (text ?? '')
  const jobs = (await store.acme.jobsOf(owner.id))
    .filter((job) => owner.autoCerts || owner.demanded.has(job.host))
    .filter((job) => host === null || job.host === host)
  if (host !== null && jobs.length === 0) {
    const dns = await store.plugins.hasEnabled('dns')
    throw noOrder(host, owner, { certificates: await store.certificates.list(), app: owner.id, dns })
  }
  for (const job of jobs) await store.acme.update(job, { renew: 0, next: 0 })
  await store.acme.notify()
  return { hosts: jobs.map((job) => job.host).sort() }
}

function noOrder(host: string, { name, option, hosts }: CertOwner, by: Deciding): BerthError {
  const shown = host.slice(0, 80)
  if (!hosts.includes(host))
    return new BerthError('missing', `${name} has no hostname ${shown}`, `see \`berth domains ${option}\``)
  const why = reasonAgainst(host, by) ?? 'it is about to be ordered'
  return new BerthError('conflict', `no certificate is ordered for ${shown}: ${why}`)
}
