import type { NetworkPlace, ProcessSettings } from '../../process-settings.js'
import type { ImagePlan } from '../buildpack.js'
import { processType } from '../procfile.js'
import { environmentOf } from './environment.js'
import { shown, type Field } from './field.js'
import { healthCheckOf, type ComposeCheck } from './health-check.js'
import { imageOf, type ImageSources } from './image.js'
import { checkKeys, serviceKeys } from './keys.js'
import { amountOf, graceOf, limitsOf, replicasOf } from './limits.js'
import { mountsOf } from './mounts.js'
import { placesOf } from './networks.js'
import { portsOf, type ServicePorts } from './ports.js'
import { checkRights } from './rights.js'
import { OpenQuote, wordsOf } from './words.js'

/** A service of a compose file. */
export interface ComposeService {
  readonly field: Field
  /** As the file names it. */
  readonly name: string
  readonly image: ImagePlan | null
  /** For people: what it runs; null is the image's own. */
  readonly command: string | null
  readonly settings: ProcessSettings
  readonly checks: readonly ComposeCheck[]
  readonly replicas: number
  readonly ports: ServicePorts
  /** Names of services. */
  readonly after: readonly string[]
  /** Somebody has said that it is the one that requests go to. */
  readonly isWeb: boolean
}

/** What all services of a file are read with. */
export interface ServiceSources extends ImageSources {
  /** Names of volumes. */
  readonly volumes: ReadonlySet<string>
  readonly networks: ReadonlyMap<string, boolean>
  /** Name of an image -> the `build` of the service that makes it. */
  readonly built: ReadonlyMap<string, Field>
  /** Values of variables, beside config vars. */
  readonly defaults: Readonly<Record<string, string>>
}

const hostname = /^[a-zA-Z0-9](?:[\w.-]{0,61}[a-zA-Z0-9])?$/
const user = /^[\w.-]{1,64}(?::[\w.-]{1,64})?$/
const signal = /^(?:SIG)?[A-Z][A-Z0-9+-]{1,12}$|^\d{1,2}$/
const capability = /^(?:CAP_)?[A-Z_]{2,40}$|^ALL$/

/** Reads a service. What cannot be so is refused, by the reading that its field belongs to. */
export function readService(name: string, field: Field, sources: ServiceSources): ComposeService {
  checkKeys(field, serviceKeys)
  checkRights(field)
  checkRestart(field)
  const own = textOf(field, 'container_name', hostname)
  const networks = placesOf(field, sources.networks, [name, ...(own === undefined ? [] : [own])])
  const [entrypoint, command] = [wordsIn(field.get('entrypoint')), wordsIn(field.get('command'))]
  const environment = environmentOf(field, sources.tree, sources.base)
  const settings: ProcessSettings = {
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(command === undefined ? {} : { command }),
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    ...defaultsOf([...Object.values(environment), ...(entrypoint ?? []), ...(command ?? [])], sources.defaults),
    // what is not the app's own code has none of its secrets unasked
    ...(field.get('build') === undefined ? { onlyNamed: true } : {}),
    ...mountsOf(field, sources.volumes),
    ...{ networks: networks satisfies readonly NetworkPlace[] },
    ...limitsOf(field),
    ...containerOf(field),
  }
  return {
    ...{ field, name, settings },
    image: imageOf(field, sources, sources.built),
    command: commandShown(field.get('command')) ?? commandShown(field.get('entrypoint')),
    checks: healthCheckOf(field),
    replicas: replicasOf(field),
    ports: portsOf(field),
    after: afterOf(field),
    isWeb: field.get('x-berth')?.get('web')?.flag() ?? false,
  }
}

function wordsIn(field: Field | undefined): string[] | undefined {
  if (field === undefined || field.isNone) return undefined
  const check = (at: Field): string => {
    at.text()
    return at.raw()
  }
  if (field.value.kind === 'list') return field.items().map(check)
  try {
    return wordsOf(check(field))
  } catch (error) {
    if (!(error instanceof OpenQuote)) throw error
    field.refuse(`cannot be read: ${error.message}`, 'close the quote, or write it as a list')
    return undefined
  }
}

function commandShown(field: Field | undefined): string | null {
  if (field === undefined || field.isNone) return null
  const text =
    field.value.kind === 'list'
      ? field
          .items()
          .map((one) => one.raw())
          .join(' ')
      : field.raw()
  return text.trim() === '' ? null : text.replace(/\s+/g, ' ').trim()
}

/** The values of variables that stand in texts, as far as the app's own files say. */
function defaultsOf(
  texts: readonly (string | null)[],
  defaults: Readonly<Record<string, string>>,
): Pick<ProcessSettings, 'defaults'> {
  const all = texts.join('\n')
  const used = Object.entries(defaults).filter(([name]) => new RegExp(`\\$\\{?${name}\\b`).test(all))
  return used.length === 0 ? {} : { defaults: Object.fromEntries(used) }
}

function textOf(service: Field, key: string, form: RegExp): string | undefined {
  const field = service.get(key)
  const text = field?.text() ?? ''
  if (text === '') return undefined
  if (form.test(text)) return text
  field?.refuse(`is ${shown(text)}`, `that is no ${key}`)
  return undefined
}

function listOf(service: Field, key: string, form: RegExp): string[] | undefined {
  const all = (service.get(key)?.items() ?? []).flatMap((one) => {
    const text = one.text()
    if (form.test(text)) return [text]
    one.refuse(`is ${shown(text)}`, `that is none for ${key}`)
    return []
  })
  return all.length === 0 ? undefined : all
}

/** What of the container itself a service says. */
function containerOf(service: Field): ProcessSettings {
  const fields = {
    grace: graceOf(service),
    stopSignal: textOf(service, 'stop_signal', signal),
    user: textOf(service, 'user', user),
    groups: listOf(service, 'group_add', /^[\w.-]{1,64}$/),
    workingDirectory: textOf(service, 'working_dir', /^\/\P{Cc}*$/u),
    hostname: textOf(service, 'hostname', hostname),
    readOnly: service.get('read_only')?.flag() ? true : undefined,
    sharedMemory: amountOf(service.get('shm_size'), 1),
    droppedCapabilities: listOf(service, 'cap_drop', capability),
    ulimits: ulimitsOf(service.get('ulimits')),
    hosts: hostsOf(service.get('extra_hosts')),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function ulimitsOf(field: Field | undefined): ProcessSettings['ulimits'] {
  if (field === undefined || field.isNone) return undefined
  const most = 2 ** 31
  return field.entries().flatMap(([name, at]) => {
    const soft = (at.value.kind === 'map' ? at.get('soft') : at)?.number(-1, most)
    const hard = (at.value.kind === 'map' ? at.get('hard') : at)?.number(-1, most)
    if (!/^[a-z]{2,12}$/.test(name) || soft === undefined || hard === undefined) {
      at.refuse('is no limit', 'write nofile: 65536')
      return []
    }
    return [{ name, soft, hard }]
  })
}

function hostsOf(field: Field | undefined): string[] | undefined {
  const all = [...(field?.pairs(/[:=]/) ?? [])].flatMap(([name, { at, value }]) => {
    if (value === 'host-gateway') {
      at.refuse(
        'is host-gateway, which is not supported',
        'the server itself is out of reach: run what it is about as a service',
      )
      return []
    }
    const address = (value ?? '').replace(/^\[|\]$/g, '')
    if (hostname.test(name) && /^[0-9a-fA-F.:]{2,45}$/.test(address)) return [`${name}:${address}`]
    at.refuse(`is ${shown(`${name}:${value ?? ''}`)}`, 'write name:address')
    return []
  })
  return all.length === 0 ? undefined : all
}

/** What runs in Berth runs until it is scaled down, whatever `restart` says. */
function checkRestart(service: Field): void {
  const field = service.get('restart')
  const text = (field?.text() ?? '').toLowerCase()
  if (text === '' || /^(?:always|unless-stopped)$/.test(text)) return
  if (/^(?:no|false|on-failure(?::\d{1,6})?)$/.test(text))
    field?.note(
      `is ${text}: a process that ends is started again all the same; what runs once is for berth run, cron, or a release command`,
    )
  else field?.refuse(`is ${shown(text)}`, 'it is no, always, on-failure or unless-stopped')
}

function afterOf(service: Field): string[] {
  const field = service.get('depends_on')
  const links = (service.get('links')?.items() ?? []).flatMap((one) => {
    const [name = '', alias = name] = one.text().split(':')
    if (alias !== name)
      one.refuse(`calls ${shown(name)} ${shown(alias)}`, `say aliases: [${alias.slice(0, 40)}] below its networks`)
    return [name]
  })
  if (field === undefined || field.isNone) return links
  if (field.value.kind !== 'map') return [...links, ...field.items().map((one) => one.text())]
  return [
    ...links,
    ...field.entries().flatMap(([name, at]) => {
      const condition = at.isNone ? '' : (at.get('condition')?.text() ?? '')
      if (condition === 'service_completed_successfully')
        at.refuse(
          `waits for ${shown(name)} to end, which is not supported`,
          'run it first in the command of this service, or by berth run once it is deployed',
        )
      else if (!['', 'service_started', 'service_healthy'].includes(condition))
        at.refuse(`has ${shown(condition)} for a condition`, 'it is service_started or service_healthy')
      return [name]
    }),
  ]
}

/** Process types that mean something else. */
const taken: ReadonlySet<string> = new Set(['run', 'release'])

/** The process type that a service is. */
export function typeOf(name: string, field: Field): string {
  const type = name.replaceAll('.', '-')
  if (!processType.test(type) || taken.has(type))
    field.refuse(
      taken.has(type) ? 'has a name that Berth uses itself' : 'cannot be the name of a process type',
      'rename it, with letters, digits, - and _',
    )
  return type
}
