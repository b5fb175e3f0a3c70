import { Semaphore } from '../../lib/semaphore.js'
import type { App } from '../../store/apps.js'
import type { ControlApiDeps } from '../platform.js'
import type { Finding } from './contract.js'
import { sayOf, type Examination } from './examination.js'

const { ok, warning, error } = sayOf('apps')

/** Apps that are looked at at once. */
const atOnce = 8

/** What should run, and does not. */
export const examineApps: Examination = async (platform, signal) => {
  const apps = await platform.store.apps.list()
  const semaphore = new Semaphore(atOnce)
  const found = await Promise.all(apps.map((app) => semaphore.run(() => processesOf(platform, app), { signal })))
  const wrong = found.flat()
  return wrong.length > 0 ? wrong : [ok(`${String(apps.length)}, and what should run of them runs`)]
}

async function processesOf(platform: ControlApiDeps, app: App): Promise<Finding[]> {
  return (await platform.processes(app)).flatMap(({ name, state, failure, restarts }) => {
    const why = failure === null ? '' : `: ${failure}`
    const hint = `\`berth logs -a ${app.name} -p ${name}\``
    if (state === 'crashed') return [error(`${name} crashes (${String(restarts)} in a row)${why}`, hint, app.name)]
    if (state === 'down')
      return [error(`${name} should run, and does not${why}`, `\`berth ps -a ${app.name}\``, app.name)]
    if (state === 'unready') return [warning(`${name} runs, and gets no requests${why}`, hint, app.name)]
    return []
  })
}
