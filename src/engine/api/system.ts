import { execFile } from 'node:child_process'
import { version as nodeVersion } from 'node:process'
import { release } from 'node:os'
import { promisify } from 'node:util'
import type { EngineConfig } from '../config.js'
import { findInit } from '../containers/sandbox.js'
import { defaultSettings, describeSettings } from '../registry/settings.js'
import { fileSystemOf } from '../system/disk.js'
import { architecture, cgroupVersion, engineVersion, host, limits } from '../system/facts.js'
import { parseFilters } from '../system/filters.js'
import { engineId } from '../system/identity.js'
import type { VolumeRoom } from '../volumes/volumes.js'
import { infoFor } from './older-words.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'
import { apiVersion } from './table.js'
import { describeVolume } from './volumes.js'

/** What the other rooms tell `/info` and `/system/df` of themselves. */
export interface EngineSummary {
  containers(): { readonly running: number; readonly paused: number; readonly stopped: number }
  images(): number | Promise<number>
  /** The OCI runtime chosen, and those that may be: name to path. */
  runtimes(): { readonly chosen: string; readonly found: ReadonlyMap<string, string> }
  /** Whether containers have user namespaces of their own on this host. */
  readonly userNamespaces: boolean
  /** ContainerSummary objects with SizeRw and SizeRootFs. */
  containerUsage(): Promise<readonly unknown[]>
  /** ImageSummary objects with SharedSize, and the bytes of all layers, each counted once. */
  /** @param version of the API, as 147 for 1.47 */
  imageUsage(version: number): Promise<{ readonly layersSize: number; readonly images: readonly unknown[] }>
  /** BuildCache objects. */
  cacheUsage(): Promise<readonly unknown[]>
}

/** `/_ping`, `/version`, `/info`, `/system/df` */
export const systemRoutes = (
  config: EngineConfig,
  summary: EngineSummary,
  volumes: VolumeRoom,
): readonly ApiRoute[] => [
  { method: 'GET', path: '/_ping', handle: ping },
  { method: 'HEAD', path: '/_ping', handle: ping },
  { method: 'GET', path: '/version', handle: async (_, reply) => reply.json(200, await versions(summary)) },
  {
    method: 'GET',
    path: '/info',
    handle: async ({ version }, reply) => reply.json(200, infoFor(version, await info(config, summary))),
  },
  {
    method: 'GET',
    path: '/plugins',
    partly: 'there are none',
    handle: ({ query }, reply) => {
      parseFilters(query, ['enabled', 'capability'])
      reply.json(200, [])
    },
  },
  {
    method: 'GET',
    path: '/system/df',
    handle: async ({ query, version }, reply) =>
      reply.json(200, await usage(query.getAll('type'), version, summary, volumes)),
  },
]

function ping(request: ApiRequest, reply: ApiReply): void {
  reply.raw.writeHead(200, {
    'Builder-Version': '1',
    Swarm: 'inactive',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': request.raw.method === 'HEAD' ? 0 : 2,
  })
  reply.raw.end(request.raw.method === 'HEAD' ? undefined : 'OK')
}

const run = promisify(execFile)

/** The first line a program says of its version; '' when it cannot be asked. */
const askVersion = async (path: string): Promise<string> => {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 5000 })
    return /\d+\.\d+(\.\d+)?\S*/.exec(stdout)?.[0] ?? ''
  } catch {
    return ''
  }
}

async function versions(summary: EngineSummary) {
  const { chosen, found } = summary.runtimes()
  const common = {
    ApiVersion: apiVersion.current,
    MinAPIVersion: apiVersion.oldest,
    GitCommit: '',
    // Not Go, and clients print this line.
    GoVersion: `none (Node.js ${nodeVersion})`,
    Os: 'linux',
    Arch: architecture.image,
    KernelVersion: release(),
    BuildTime: '',
  }
  const runtime = await askVersion(found.get(chosen) ?? chosen)
  return {
    Platform: { Name: 'Berth' },
    Components: [
      { Name: 'Engine', Version: engineVersion, Details: { ...common, Experimental: 'false' } },
      ...(runtime === '' ? [] : [{ Name: chosen, Version: runtime, Details: { GitCommit: '' } }]),
    ],
    Version: engineVersion,
    ...common,
  }
}

const noUserNamespaces =
  'WARNING: No user namespaces: this kernel or file system cannot map owners. Root in a container is root on this host.'

const noSwarm = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
}

async function info(config: EngineConfig, summary: EngineSummary) {
  const { running, paused, stopped } = summary.containers()
  const { chosen, found } = summary.runtimes()
  const commit = { ID: '', Expected: '' }
  return {
    ID: await engineId(config.root),
    Containers: running + paused + stopped,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: stopped,
    Images: await summary.images(),
    Driver: 'overlay2',
    DriverStatus: [['Backing Filesystem', await fileSystemOf(config.root)]],
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: null, Log: ['json-file'] },
    ...limits(),
    ...host(),
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: cgroupVersion(),
    ...describeSettings(config.registry ?? defaultSettings),
    GenericResources: null,
    DockerRootDir: config.root,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: engineVersion,
    Runtimes: Object.fromEntries([...found].map(([name, path]) => [name, { path }])),
    DefaultRuntime: chosen,
    Swarm: noSwarm,
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: findInit() ?? '',
    ContainerdCommit: commit,
    RuncCommit: commit,
    InitCommit: commit,
    SecurityOptions: ['name=seccomp,profile=builtin', ...(summary.userNamespaces ? ['name=userns'] : [])],
    DefaultAddressPools: [{ Base: config.pool, Size: 24 }],
    Warnings: summary.userNamespaces ? null : [noUserNamespaces],
  }
}

/** @param types what is asked for: `container`, `image`, `volume`, `build-cache`; none is all */
async function usage(types: readonly string[], version: number, summary: EngineSummary, volumes: VolumeRoom) {
  const asked = (type: string): boolean => types.length === 0 || types.includes(type)
  const images = asked('image') ? await summary.imageUsage(version) : undefined
  const described = async () =>
    Promise.all(
      volumes.list().map(async (volume) => ({
        ...describeVolume(volume),
        UsageData: { Size: await volumes.space(volume.name), RefCount: volumes.users(volume.name).length },
      })),
    )
  return {
    LayersSize: images?.layersSize ?? 0,
    Images: images?.images ?? null,
    Containers: asked('container') ? await summary.containerUsage() : null,
    Volumes: asked('volume') ? await described() : null,
    BuildCache: asked('build-cache') ? await summary.cacheUsage() : null,
  }
}
