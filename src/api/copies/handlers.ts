import { BerthError } from '../../errors.js'
import { serviceKind } from '../../plugins/service-kinds.js'
import { versionOf } from '../../services/version.js'
import { isJobOver, type BackupJob } from '../../store/backups.js'
import { checkServiceName, type Service } from '../../store/services.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { viewJob } from '../backups/view.js'

export const copyHandlers = ({ store }: ControlApiDeps): HandlersOf<'copies'> => {
  const submit = async ({ id, name }: Service, task: BackupJob['task'], to: string | null) => {
    await refuseTwice({ store }, id)
    return viewJob(await store.backups.submit({ task, subject: { type: 'service', id, name }, to }))
  }
  return {
    clone: async ({ service: name, name: to }) => {
      const service = await store.services.get(name)
      demandCopyable(service)
      checkServiceName(to)
      if ((await store.services.list()).some((other) => other.name === to))
        throw new BerthError('conflict', `there is a service named "${to}" already`, 'choose another name')
      return submit(service, 'clone', to)
    },

    upgrade: async ({ service: name, version, rehearse }) => {
      const service = await store.services.get(name)
      demandCopyable(service)
      versionOf(await serviceKind(store, service.kind), version)
      if (service.version === version)
        throw new BerthError('conflict', `${name} is of ${service.kind} ${version} already`, 'nothing was changed')
      return submit(service, rehearse ? 'rehearse' : 'upgrade', version)
    },

    undo: async ({ service: name }) => {
      const service = await store.services.get(name)
      const before = await store.services.find(service.before ?? '')
      if (before !== null) return submit(service, 'undo', null)
      throw new BerthError(
        'conflict',
        `there is nothing that ${name} was before`,
        'it has been neither upgraded nor restored, or what it was has been destroyed',
      )
    },
  }
}

/** @throws BerthError `conflict` of one that does not run, `invalid` of one that keeps nothing */
function demandCopyable({ name, facts, wants, turn, done, failure }: Service): void {
  if (facts?.backup === null)
    throw new BerthError(
      'invalid',
      `${name} keeps nothing that could be copied`,
      'make a new one: `berth services:create`',
    )
  if (facts && wants === 'running' && turn === done && failure === null) return
  throw new BerthError('conflict', `${name} does not run`, `\`berth services:start ${name}\``)
}

/** @throws BerthError `conflict` */
async function refuseTwice({ store }: Pick<ControlApiDeps, 'store'>, id: string): Promise<void> {
  const tasks: readonly BackupJob['task'][] = ['clone', 'rehearse', 'upgrade', 'undo', 'restore']
  const other = (await store.backups.jobs()).find(
    (job) => !isJobOver(job) && job.subject?.id === id && tasks.includes(job.task),
  )
  if (other)
    throw new BerthError(
      'conflict',
      `it is being worked on: ${other.task}`,
      `wait until that is over, or \`berth backups:cancel ${other.id}\``,
    )
}
