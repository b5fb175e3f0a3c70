import { EngineError } from '../errors.js'
import type { Container, Shop } from './container.js'

/** Freezes all of its processes, or lets them go on. @throws EngineError `conflict` when it is not the one to be the other */
export async function pause(shop: Shop, container: Container, paused: boolean): Promise<void> {
  await container.inTurn(async () => {
    const { record } = container
    const from = paused ? 'running' : 'paused'
    if (paused && record.state.status === 'paused')
      throw new EngineError('conflict', `Container ${container.id} is already paused`)
    if (record.state.status !== from)
      throw new EngineError('conflict', `Container ${container.id} is not ${paused ? 'running' : 'paused'}`)
    const cgroup = container.cgroup(shop)
    if (paused) await cgroup.freeze()
    else cgroup.thaw()
    record.state.status = paused ? 'paused' : 'running'
    await shop.store.saveIfPossible(record)
    container.emit(shop.events, paused ? 'pause' : 'unpause')
  })
}
