import { allSubjects } from '../../backups/subjects.js'
import { failureOf, knownBackups } from '../backups/view.js'
import { sayOf, type Examination } from './examination.js'

const day = 86_400_000
/** ms without a backup, where there is one a day. */
const late = 2 * day

/** What could not be backed up, or not be restored. */
export const examineBackups: Examination = async (platform) => {
  const { ok, warning, error } = sayOf('backups')
  const [known, subjects] = await Promise.all([knownBackups(platform), allSubjects(await platform.services())])
  const wrong = subjects.flatMap(({ id, name, since, idle }) => {
    const failure = failureOf(known, id)
    if (failure !== null) return [error(failure, `\`berth backups:create ${name}\` tries again`, name)]
    const [newest] = known.backups.filter(({ subject }) => subject.id === id)
    const at = Date.parse(newest?.at ?? since)
    const isUsual = !idle && known.settings.schedules[id] === undefined && known.settings.schedule === '30 3 * * *'
    if (isUsual && Date.now() - at > late)
      return [warning('it has not been backed up for two days', '`berth backups` shows when it is due', name)]
    return []
  })
  return wrong.length > 0 ? wrong : [ok(`${String(subjects.length)} to back up, and nothing went wrong last`)]
}
