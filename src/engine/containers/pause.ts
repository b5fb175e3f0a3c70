import { EngineError } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'
import { advance } from './state.js'

/** Freezes all of its processes, or lets them go on. @throws EngineError `conflict` when it is not the one to be the other */
export async function pause(deps: ContainerDeps, container: Container, paused: boolean): Promise<void> {
  await container.exclusively(async () => {
    const { record } = container
    const from = paused ? 'running' : 'paused'
    if (paused && record.state.status === 'paused')
      throw new EngineError('conflict', `Container ${container.id} is already paused`)
    if (record.state.status !== from)
      throw new EngineError('conflict', `Container ${container.id} is not ${paused ? 'running' : 'paused'}`)
    const cgroup = container.cgroup(deps)
    if (paused) await cgroup.freeze()
    else cgroup.thaw()
    advance(record.state, paused ? 'paused' : 'running')
    await deps.store.saveIfPossible(record)
    container.emit(deps.events, paused ? 'pause' : 'unpause')
  })
}
