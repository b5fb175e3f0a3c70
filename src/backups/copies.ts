import { createReadStream } from 'node:fs'
import { BerthError, messageOf } from '../errors.js'
import { roleOf, tenantOf } from '../services/container.js'
import { runIn } from '../services/command.js'
import { checkService } from '../services/dump.js'
import { serverOf } from '../services/server.js'
import { settled } from '../services/settled.js'
import type { Service } from '../store/services.js'
import { grantLinks, takePlace } from './place.js'
import { removeService, restoredService, scratchName, sizeOf, type RestoredService } from './scratch.js'
import { openSpool } from './spool.js'
import { dumpSubject, ofService } from './subjects.js'
import type { BackupDeps, RunningTask } from './task.js'

interface Copy {
  readonly name: string
  readonly version: string
  readonly task: RunningTask
  readonly before?: (service: Service) => Promise<void>
}

/** A new service with what another has now, by a dump with the tools of the one and a restore with those of the other. */
async function copied(deps: BackupDeps, from: Service, { version, ...copy }: Copy): Promise<RestoredService> {
  const { job, signal, step, onBytes } = copy.task
  await step('dumping', null)
  await using spool = await openSpool(deps.config, job.id, onBytes)
  await dumpSubject(deps, ofService(from), spool.output, signal)
  const source = { kind: from.kind, version, size: sizeOf(from), bytes: spool.sum().bytes }
  return await restoredService(deps, { ...source, read: () => createReadStream(spool.file) }, copy)
}

/** @throws BerthError `missing` */
async function serviceOf({ store }: BackupDeps, { job }: RunningTask): Promise<Service> {
  const service = await store.services.find(job.subject?.id ?? '')
  if (service !== null && service.wants !== 'gone') return service
  throw new BerthError('missing', `${job.subject?.name ?? 'the service'} is gone`)
}

/** A service of its own with what another has at this moment. */
export async function cloneService(deps: BackupDeps, task: RunningTask): Promise<string> {
  const from = await serviceOf(deps, task)
  const name = task.job.to ?? ''
  const { service } = await copied(deps, from, { name, version: from.version, task })
  await deps.store.services.update(service.id, () => ({ scratch: undefined }) as never)
  return `${name} has what ${from.name} had at the moment of the dump`
}

/** Whether the data of a service can be had by another version: a copy of it is made, checked, and taken away again. */
export async function rehearseUpgrade(deps: BackupDeps, task: RunningTask): Promise<string> {
  const from = await serviceOf(deps, task)
  const version = task.job.to ?? ''
  const { service, things } = await copied(deps, from, { name: scratchName('trial'), version, task })
  await removeService(deps, service.id)
  return `${from.kind} ${version} takes what ${from.name} has: ${things} things were found`
}

/**
 * Another version for a service: rehearsed; then, with nobody let in, dumped, restored, compared, and put in its place. What it was is
 * kept as a service that is stopped. Whatever fails leaves it as it is; one whose worker died begins anew.
 */
export async function upgradeService(deps: BackupDeps, task: RunningTask): Promise<string> {
  const service = await serviceOf(deps, task)
  const version = task.job.to ?? ''
  if (service.version === version) return `${service.name} is of ${service.kind} ${version}`
  await rehearseUpgrade(deps, task)
  const name = scratchName(`${service.name.slice(0, 45)}-before`)
  try {
    await task.step('letting nobody in', null)
    await shutOut(deps, service)
    const fresh = await sameOf(deps, service, {
      name,
      version,
      task,
      before: (made) => grantLinks(deps, service.id, made),
    })
    await takePlace(deps, service.id, fresh.id)
  } catch (error) {
    await letIn(deps, service.id)
    throw error
  }
  return `${service.name} is of ${service.kind} ${version}; what it was is in ${name}, which is stopped`
}

/** A copy that has all that the service has, and is stopped. @throws BerthError `broken` where it has not */
async function sameOf(deps: BackupDeps, service: Service, copy: Copy): Promise<Service> {
  const { signal, step } = copy.task
  await step('checking what there is', null)
  const had = await checkService(deps, service, signal)
  const { service: fresh, found } = await copied(deps, service, copy)
  try {
    if (found !== had)
      throw new BerthError(
        'broken',
        `${service.kind} ${copy.version} does not have all that ${service.name} has`,
        `\`berth services:clone ${service.name} NEW\` makes one to look into`,
      )
    await step('taking its place', null)
    await grantLinks(deps, service.id, fresh)
    return await settled(deps.store, await deps.store.services.ask(fresh.id, () => ({ wants: 'stopped' })), signal)
  } catch (error) {
    await removeService(deps, fresh.id)
    throw error
  }
}

/** What a service was before it was upgraded, or a backup restored in its place, is in its place again; what it is now is kept. */
export async function undoPlace(deps: BackupDeps, task: RunningTask): Promise<string> {
  const service = await serviceOf(deps, task)
  const { store } = deps
  const before = await store.services.find(service.before ?? '')
  if (before === null || before.wants === 'gone')
    throw new BerthError('missing', `what ${service.name} was before is not there any more`)
  await task.step('stopping both', null)
  await settled(store, await store.services.ask(before.id, () => ({ wants: 'stopped' })), task.signal)
  await takePlace(deps, service.id, before.id)
  return `${service.name} is what it was before; what it was until now is in ${before.name}, which is stopped`
}

/** Lets in nobody who is linked, so that nothing changes any more. */
async function shutOut(deps: BackupDeps, service: Service): Promise<void> {
  const recipe = await deps.plugins.get(service.kind)
  const server = await serverOf(deps, service)
  for (const link of service.links)
    await runIn(
      deps.engine,
      server?.Id ?? '',
      recipe.revoke(roleOf(link, link.revision), tenantOf(service, link.app)),
      'it goes on letting in who is linked',
    )
}

/** Lets in again who is linked. One that does not run now lets nobody in anyhow: it is said, and holds up nothing else. */
export async function letIn(deps: BackupDeps, id: string): Promise<void> {
  const service = await deps.store.services.find(id)
  if (service === null) return
  await grantLinks(deps, id, service).catch((error: unknown) =>
    deps.log.error(
      { service: service.name },
      `apps may not be let in: ${messageOf(error)}; \`berth services:rotate\` gives each another password`,
    ),
  )
}
