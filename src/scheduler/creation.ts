import { randomBytes } from 'node:crypto'
import { label } from '../config.js'
import type { ContainerCreation } from '../engine-client/containers.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { FormationEntry, Release } from '../store/releases.js'
import type { Init } from './init/init.js'
import { entryOf, environmentOf, imageOf, labelsOf, oneOffType, type Slot } from './desired.js'
import { containerFields, joinsOf, settingsWithMounts } from './settings.js'

/** Processes and threads a container may have. */
const pids = 1024

/** Whose process a container is. */
export interface ProcessOwner {
  readonly instance: string
  readonly app: App
  readonly release: Release
}

/** What a container runs, and under which init. */
export interface ContainerCommand {
  readonly words: readonly string[]
  readonly init: Init
}

/** What the engine is asked for, for one process of a release. */
export function creationOf(
  { instance, app, release }: ProcessOwner,
  slot: Slot,
  { words, init }: ContainerCommand,
): ContainerCreation {
  const settings = settingsWithMounts(release, slot.like ?? slot.type)
  const { config, host } = containerFields(instance, app.id, settings)
  const [{ network, aliases }] = joinsOf(app.id, settings, [slot.type, slot.process])
  return {
    name: `berth-${app.name}.${slot.process}.v${release.version}.${randomBytes(3).toString('hex')}`,
    Image: imageOf(release, slot.type),
    // as the entrypoint, so that an image's own entrypoint and command are both out of the way
    Entrypoint: [...init.words, ...words],
    Cmd: [],
    Env: environmentOf(app, release, slot),
    Labels: labelsOf(instance, app.id, release, slot),
    // the scheduler asks in place of the engine: see builds/image-health.ts
    Healthcheck: { Test: ['NONE'] },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [...aliases] } } },
    ...config,
    HostConfig: {
      NetworkMode: network,
      ...limitsOf(entryOf(release, slot.type)),
      SecurityOpt: ['no-new-privileges'],
      // Berth's engine gives each app host ids that no other app has; others take no notice
      Annotations: { 'berth.userns': app.id },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      ...init.host,
      ...host,
    },
  }
}

/** A program run once in a release's image; with `stdin` it waits for what is typed, on a terminal if `tty`. */
export interface OneOffProcess {
  /** `run.1234` */
  readonly process: string
  /** Process type whose settings it has; those of `web` unless given. */
  readonly type?: string
  readonly tty: boolean
  readonly stdin: boolean
  /** Of the terminal, from the first moment where the engine can (API 1.42). */
  readonly size?: { readonly columns: number; readonly rows: number } | undefined
  /** Id of the run that it is, where it outlives who started it. */
  readonly run?: string | undefined
}

/** What the engine is asked for, for a one-off process. */
export function oneOffCreation(owner: ProcessOwner, oneOff: OneOffProcess, start: ContainerCommand): ContainerCreation {
  const { app, release } = owner
  const slot: Slot = { process: oneOff.process, type: oneOffType, like: oneOff.type ?? oneOffType, spec: '' }
  const entry = own(release.formation, oneOffType) ?? entryOf(release, 'web')
  const { HostConfig, ...creation } = creationOf(owner, slot, start)
  const { tty, stdin, size, run } = oneOff
  return {
    ...creation,
    Labels: { ...creation.Labels, ...(run === undefined ? {} : { [label.run]: run }) },
    Env: [...environmentOf(app, release, slot), ...(tty ? ['TERM=xterm-256color'] : [])],
    Tty: tty,
    OpenStdin: stdin,
    // when the one client leaves, the command reads the end of its input
    StdinOnce: stdin,
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    NetworkingConfig: {},
    HostConfig: {
      ...HostConfig,
      ...limitsOf(entry),
      ...(tty && size ? { ConsoleSize: [size.rows, size.columns] } : {}),
    },
  }
}

const limitsOf = ({ memory, cpus }: FormationEntry) => ({
  Memory: memory,
  MemorySwap: memory,
  NanoCpus: Math.round(cpus * 1e9),
  PidsLimit: pids,
})
