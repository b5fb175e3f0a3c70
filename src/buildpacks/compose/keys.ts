import { isNear } from '../../lib/near.js'
import type { Field } from './field.js'

/** What a key of a compose file that Berth does not do is: refused with a way out, or passed over with a word. */
export interface KeyTable {
  readonly honoured: readonly string[]
  /** Key -> the way out. */
  readonly refused: Readonly<Record<string, string>>
  /** Key -> why it has no effect. */
  readonly noted: Readonly<Record<string, string>>
}

const rights = 'processes have no rights beyond their container: take it out'
const hook = 'do it in the command, or in the image'
const secret = 'set it by berth config:set NAME=…, and name NAME in environment'
const address = 'services find each other by their names'

export const serviceKeys: KeyTable = {
  honoured: [
    'configs',
    ...['image', 'build', 'command', 'entrypoint', 'environment', 'env_file', 'ports', 'expose', 'depends_on', 'links'],
    ...['healthcheck', 'deploy', 'scale', 'volumes', 'tmpfs', 'networks', 'network_mode', 'stop_grace_period'],
    ...[
      'stop_signal',
      'user',
      'group_add',
      'working_dir',
      'hostname',
      'container_name',
      'restart',
      'read_only',
      'shm_size',
    ],
    ...['mem_limit', 'cpus', 'pids_limit', 'cap_drop', 'security_opt', 'extra_hosts', 'ulimits', 'profiles', 'labels'],
    ...['privileged', 'pull_policy', 'init', 'pid', 'ipc', 'uts', 'userns_mode', 'cgroup'],
  ],
  refused: {
    ...{ cap_add: rights, devices: rights, device_cgroup_rules: rights, sysctls: rights, credential_spec: rights },
    ...{ use_api_socket: rights, cgroup_parent: rights, runtime: rights, isolation: rights, oom_kill_disable: rights },
    gpus: 'Berth gives no process a GPU: take it out',
    secrets: secret,
    volumes_from: 'name the volume in the volumes of both services',
    external_links: 'a service of another app is reached by its hostname',
    provider: 'write it as a service with image:',
    models: 'write it as a service with image:',
    ...{ post_start: hook, pre_start: hook, pre_stop: hook },
    volume_driver: 'volumes are on the server: take it out',
    ...{ mac_address: address },
  },
  noted: {
    ...{ tty: 'processes have no terminal', stdin_open: 'nobody types into a process; berth run is for that' },
    ...{
      logging: 'logs are kept by Berth: berth logs',
      attach: 'berth logs shows all',
      annotations: '',
      label_file: '',
    },
    develop: 'it is for a machine to develop on',
    platform: 'images are those of this server’s architecture',
    ...{ dns: address, dns_search: address, dns_opt: address, domainname: address },
    ...{ mem_reservation: 'only limits count', mem_swappiness: '', memswap_limit: 'there is no swap beyond mem_limit' },
    ...{
      cpu_shares: 'use cpus',
      cpu_quota: 'use cpus',
      cpu_period: 'use cpus',
      cpuset: 'use cpus',
      cpu_count: 'use cpus',
    },
    ...{ cpu_percent: 'use cpus', cpu_rt_runtime: '', cpu_rt_period: '', blkio_config: '', oom_score_adj: '' },
    storage_opt: '',
  },
}

export const buildKeys: KeyTable = {
  honoured: ['context', 'dockerfile', 'dockerfile_inline', 'target', 'args', 'network'],
  refused: {
    ssh: 'fetch over https, with a token of a config var: RUN --mount=type=secret,id=NAME',
    secrets: 'a config var is there as a secret of its name: take it out, and use RUN --mount=type=secret,id=NAME',
    ...{ privileged: rights, entitlements: rights },
    additional_contexts: 'widen context to a folder that has all of it',
    extra_hosts: 'builds look names up as usual: take it out',
    isolation: 'take it out',
  },
  noted: {
    ...{ cache_from: 'what was built stays cached', cache_to: 'what was built stays cached', labels: '', tags: '' },
    ...{
      no_cache: 'git push -o no-cache builds anew',
      pull: '',
      platforms: 'images are those of this server’s architecture',
    },
    ...{ shm_size: '', ulimits: '', provenance: '', sbom: '' },
  },
}

export const topKeys: KeyTable = {
  honoured: ['services', 'networks', 'volumes', 'configs', 'version', 'name'],
  refused: {
    secrets: secret,
    include: 'write its services in this file',
    models: 'write it as a service with image:',
  },
  noted: {},
}

export const deployKeys: KeyTable = {
  honoured: ['replicas', 'resources', 'mode'],
  refused: {},
  noted: {
    ...{ labels: '', placement: 'there is one server', endpoint_mode: '', restart_policy: 'see restart' },
    ...{
      update_config: 'web overlaps, others are replaced',
      rollback_config: 'a release that fails is not switched to',
    },
  },
}

/** Refuses, or notes, the keys that are not honoured; those that nobody knows are refused: a slip must not be lost. */
export function checkKeys(field: Field, { honoured, refused, noted }: KeyTable): void {
  for (const [key, at] of field.entries()) {
    if (honoured.includes(key) || key.startsWith('x-')) continue
    if (Object.hasOwn(refused, key)) at.refuse('is not supported', refused[key] ?? '')
    else if (Object.hasOwn(noted, key)) at.note(`has no effect${noted[key] ? `: ${noted[key]}` : ''}`)
    else {
      const known = [...honoured, ...Object.keys(refused), ...Object.keys(noted)]
      const meant = known.find((one) => isNear(one, key.toLowerCase()))
      at.refuse('is not known', meant === undefined ? 'take it out' : `is ${meant} meant?`)
    }
  }
}
