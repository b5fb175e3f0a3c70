import { randomBytes } from 'node:crypto'
import { label, sha256 } from '../config.js'
import type { ContainerCreation } from '../engine-client/containers.js'
import type { ServicePlan, ServicePlugin } from '../plugins/kinds/service.js'
import type { Link, Service } from '../store/services.js'

/** Processes and threads a service may have. */
const pids = 2048

/** Label that says what a container was made from. */
const specLabel = 'berth.spec'

/** A service by name in URLs: it outlives renames. */
export const hostOf = ({ id }: Pick<Service, 'id'>): string => `service-${id}`

/** Its volume. */
export const volumeOf = ({ id, volume }: Pick<Service, 'id' | 'volume'>): string => volume ?? `berth-service-${id}`

/** The network that it has alone. */
export const networkOf = ({ id }: Pick<Service, 'id'>): string => `berth-service-${id}`

/** The role of a link, with a revision of its password. */
export const roleOf = ({ id }: Pick<Link, 'id'>, revision: number): string => `link_${id}_${revision}`

/** Labels of what the engine has of a service. */
export const labelsOf = (instance: string, { id }: Pick<Service, 'id'>): Record<string, string> => ({
  [label.instance]: instance,
  [label.service]: id,
})

/** The same, to look for. */
export const filterOf = (instance: string, service?: Pick<Service, 'id'>): string[] => [
  `${label.instance}=${instance}`,
  service === undefined ? label.service : `${label.service}=${service.id}`,
]

export const planOf = ({ version, memory, cpus, shared }: Service): ServicePlan => ({
  ...{ version, memory, cpus, shared: shared === true },
})

/** Whose data an app is let in to; null where all share it. @param app its id */
export const tenantOf = ({ shared }: Service, app: string): string | null => (shared ? `app_${app}` : null)

/** What a container is made of. */
export interface ServiceMake {
  readonly instance: string
  readonly service: Service
  readonly recipe: ServicePlugin
  readonly image: string
}

/** A hash of all that makes a service's container what it is. */
export const specOf = ({ service, recipe, image }: Omit<ServiceMake, 'instance'>): string =>
  sha256(
    JSON.stringify([
      ...[image, service.memory, service.cpus, recipe.start(planOf(service)), recipe.user, recipe.stop],
      ...(service.volume === undefined ? [] : [service.volume]),
    ]),
  ).slice(0, 16)

/** Whether a container is still what its service is to be. */
export const isOfSpec = (labels: Readonly<Record<string, string>>, spec: string): boolean => labels[specLabel] === spec

/** What the engine is asked for: the server, or what makes its data before. */
export function creationOf(make: ServiceMake, words: readonly string[], part: 'server' | 'initial'): ContainerCreation {
  const { instance, service, recipe, image } = make
  const server = part === 'server'
  return {
    name: `berth-service-${service.id}.${server ? '' : 'initial.'}${randomBytes(3).toString('hex')}`,
    Image: image,
    User: recipe.user,
    Hostname: hostOf(service),
    Entrypoint: [...words],
    Cmd: [],
    Labels: { ...labelsOf(instance, service), [label.type]: part, ...(server && { [specLabel]: specOf(make) }) },
    Healthcheck: { Test: ['NONE'] },
    StopSignal: recipe.stop.signal,
    StopTimeout: recipe.stop.seconds,
    HostConfig: {
      NetworkMode: server ? networkOf(service) : 'none',
      Memory: service.memory,
      MemorySwap: service.memory,
      NanoCpus: Math.round(service.cpus * 1e9),
      PidsLimit: pids,
      ShmSize: Math.floor(service.memory / 4),
      SecurityOpt: ['no-new-privileges'],
      // Berth's engine gives each service host ids that no other has; others take no notice
      Annotations: { 'berth.userns': service.id },
      // the engine has it run again after a crash, a reboot and a kill, whoever else is away
      RestartPolicy: { Name: server ? 'unless-stopped' : 'no', MaximumRetryCount: 0 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      ...(recipe.directory === null ? {} : { Mounts: [mountOf(make, recipe.directory)] }),
    },
  }
}

const mountOf = ({ instance, service }: ServiceMake, directory: string) => ({
  Type: 'volume' as const,
  Target: directory,
  Source: volumeOf(service),
  ReadOnly: false,
  VolumeOptions: {
    // only a new one begins with the image's directory, for its owner
    NoCopy: service.hasData,
    DriverConfig: { Name: 'local', Options: {} },
    Labels: labelsOf(instance, service),
  },
})
