import { EngineError } from '../errors.js'
import type { ContainerRecord, HostConfig } from './record.js'

/** What Docker's log drivers take, besides `mode` and `max-buffer-size`, which all do. */
const known: Readonly<Record<string, readonly string[]>> = {
  'json-file': ['max-size', 'max-file', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
  local: ['max-size', 'max-file', 'compress'],
  none: [],
}

/** Refuses a log driver or an option that nothing would come of. @throws EngineError `invalid` */
export function checkLogging({ LogConfig: { Type, Config } }: HostConfig): void {
  const options = known[Type === 'k8s-file' ? 'json-file' : Type]
  if (!options) throw invalid(`error looking up logging plugin ${Type}: plugin "${Type}" not found`)
  for (const [name, value] of Object.entries(Config)) {
    if (name === 'mode') {
      if (!['', 'blocking', 'non-blocking'].includes(value))
        throw invalid(`logger: logging mode not supported: ${value}`)
    } else if (name === 'max-buffer-size') {
      if (Config.mode !== 'non-blocking')
        throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    } else if (!options.includes(name)) throw invalid(`unknown log opt '${name}' for ${Type} log driver`)
  }
  for (const name of ['labels-regex', 'env-regex']) patternOf(Config[name])
  tagOf(Config.tag ?? '', { name: '', id: '', image: '', config: { Image: '' } })
}

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** What `--log-opt labels=, env=, tag=` have the log say of the container: `a=1,tag=t`, as `logs --details` prints it. */
export function logDetails(record: ContainerRecord): string {
  const { config, hostConfig } = record
  const options = hostConfig.LogConfig.Config
  const environment = config.Env.map(
    (entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)] as const,
  )
  const picked = [
    ...chosen(Object.entries(config.Labels), options.labels, options['labels-regex']),
    ...chosen(environment, options.env, options['env-regex']),
    ...(options.tag ? [['tag', tagOf(options.tag, record)] as const] : []),
  ]
  return [...new Map(picked)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map((part) => encodeURIComponent(part).replaceAll('%20', '+')).join('='))
    .join(',')
}

function chosen(
  entries: readonly (readonly [string, string])[],
  names = '',
  regex?: string,
): (readonly [string, string])[] {
  const wanted = names.split(',')
  const pattern = patternOf(regex)
  return entries.filter(([name]) => wanted.includes(name) || pattern?.test(name))
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return new RegExp(text)
  } catch (error) {
    throw invalid(`error parsing regexp: ${(error as Error).message}`)
  }
}

type Tagged = Pick<ContainerRecord, 'name' | 'id' | 'image'> & { readonly config: { readonly Image: string } }

/** The fields of Docker's tag templates. @throws EngineError `invalid` for any other */
function tagOf(template: string, { id, name, image, config }: Tagged): string {
  const digest = image.replace(/^sha256:/, '')
  const values: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageID: digest.slice(0, 12),
    ImageFullID: digest,
    ImageName: config.Image,
    DaemonName: 'docker',
  }
  return template.replace(/\{\{\s*\.?(.*?)\s*\}\}/g, (whole, field: string) => {
    const value = values[field]
    if (value === undefined) throw invalid(`invalid log tag: ${whole} is not known`)
    return value
  })
}
