import { askerOf, type Caller } from '../access/caller.js'
import { checkBesideCanary, kindOf, type Change } from '../changes/index.js'
import type { App } from '../store/apps.js'
import type { OperationView } from './contract.js'
import type { ControlApiDeps } from './platform.js'
import { viewOperation } from './views.js'

/** Records a change that a caller asks for, if it can be made. @throws BerthError what its kind says against it */
export async function submitChange(
  platform: ControlApiDeps,
  app: App,
  change: Change,
  caller: Caller,
): Promise<OperationView> {
  const { check } = kindOf(change)
  checkBesideCanary(change, app)
  if (check) check(change, app, await platform.store.releases.current(app))
  return viewOperation(await platform.submit(app, change, askerOf(caller)), app.name)
}
