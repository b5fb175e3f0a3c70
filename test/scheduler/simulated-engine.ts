import { BerthError } from '../../src/errors.js'
import type { Clock } from '../../src/scheduler/clock.js'
import { networkOf } from '../../src/scheduler/settings.js'
import type { ObservedContainer } from '../../src/scheduler/plan.js'

/** A container as the simulated engine has it. */
export interface Box {
  readonly id: string
  readonly process: string
  readonly type: string
  readonly release: number
  readonly spec: string
  readonly createdAt: number
  state: 'created' | 'running' | 'paused' | 'exited' | 'removing'
  startedAt: number
  finishedAt: number
  connected: boolean
}

/** What the simulated engine works on. */
export interface EngineWorld {
  readonly clock: Clock
  readonly boxes: Map<string, Box>
  /** The engine does not answer. */
  readonly away: boolean
  start(box: Box): void
  end(box: Box): void
}

/** What the scheduler asks of an engine, done to the boxes of a world. */
export function simulatedEngine(world: EngineWorld) {
  let count = 0
  const started = new Map<string, string>()
  const ask = <T>(answer: () => T): Promise<T> =>
    world.away ? Promise.reject(new BerthError('unavailable', 'away')) : Promise.resolve().then(answer)
  const found = (box: Box): ObservedContainer => ({
    ...box,
    running: box.state === 'running' || box.state === 'paused',
    paused: box.state === 'paused',
    removing: box.state === 'removing',
    address: box.connected && box.state === 'running' ? `10.0.0.${box.id}` : '',
  })
  const box = (id: string): Box => {
    const one = world.boxes.get(id)
    if (!one) throw new Error(`no such container: ${id}`)
    return one
  }
  const time = (ms: number) => (ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString())
  return {
    list: () => ask(() => new Map([['a', [...world.boxes.values()].map(found)]])),
    networks: () => ask(() => ['a']),
    info: () => ask(() => ({ Architecture: 'none' })),
    commandOf: () => ask(() => ({ entrypoint: [], cmd: [] })),
    inspect: (id: string) =>
      ask(() => {
        const one = world.boxes.get(id)
        if (!one) return null
        const { state, startedAt, finishedAt } = one
        const State = {
          Running: state === 'running' || state === 'paused',
          StartedAt: time(startedAt),
          FinishedAt: time(finishedAt),
          ExitCode: 1,
          OOMKilled: false,
          Error: '',
        }
        return { Id: id, State, HostConfig: {} }
      }),
    startedAt: (id: string) =>
      ask(() => {
        const one = world.boxes.get(id)
        if (!one) return null
        if (!started.has(id)) started.set(id, time(one.startedAt))
        return started.get(id) ?? null
      }),
    forget: (id?: string) => (id === undefined ? started.clear() : started.delete(id)),
    isDisconnected: (id: string) => ask(() => !box(id).connected && box(id).state === 'running'),
    addressOf: (id: string) => ask(() => found(box(id)).address),
    unpause: (id: string) =>
      ask(() => {
        if (box(id).state === 'paused') box(id).state = 'running'
      }),
    reconnect: (id: string) => ask(() => void (box(id).connected = true)),
    create: (options: { Labels: Record<string, string>; NetworkingConfig: object }) =>
      ask(() => {
        const labels = options.Labels
        const id = String(++count)
        world.boxes.set(id, {
          id,
          process: labels['berth.process'] ?? '',
          type: labels['berth.type'] ?? '',
          release: Number(labels['berth.release']),
          spec: labels['berth.spec'] ?? '',
          createdAt: Math.floor(world.clock.now() / 1000),
          state: 'created',
          startedAt: 0,
          finishedAt: 0,
          connected: true,
        })
        return id
      }),
    start: (id: string) => ask(() => world.start(box(id))),
    stop: (id: string) =>
      ask(() => {
        const one = world.boxes.get(id)
        if (one) world.end(one)
      }),
    remove: (id: string) =>
      ask(() => {
        const one = world.boxes.get(id)
        if (one?.state === 'removing') return false
        if (one) world.end(one)
        world.boxes.delete(id)
        return true
      }),
    tail: () => ask(() => []),
    ensureNetworks: () => ask(() => undefined),
    removeNetworks: () => ask(() => undefined),
    network: networkOf('a'),
  }
}
