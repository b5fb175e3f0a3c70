import { pathBelow } from './environment.js'
import { shown, type Field } from './field.js'
import type { Tree } from '../tree.js'

/** Configs that a service has at most. */
const most = 30
/** What is a path in a Dockerfile as it is in the tree. */
const plainPath = /^[\w.@+ -]+(?:\/[\w.@+ -]+)*$/
const end = 'END_OF_BERTH_CONFIG'
const way = 'copy the file in the Dockerfile that build: names, or set a config var and name it in environment'

/** Where configs come from. */
export interface ConfigSources {
  readonly tree: Tree
  /** The folder of the compose file, '.' for the top. */
  readonly base: string
  /** The configs of the file. */
  readonly configs: ReadonlyMap<string, Field>
}

/** How the files that a service has as configs get into its image. */
export interface ConfigFiles {
  /** Lines of a Dockerfile. */
  readonly lines: readonly string[]
  /** What they copy, from the top of the tree. */
  readonly files: readonly string[]
}

/** Looks at the configs of a file, used or not. */
export function checkConfigs(configs: Field | undefined): void {
  for (const [, config] of configs?.entries() ?? [])
    for (const [key, at] of config.entries()) {
      if (key === 'environment')
        at.refuse('is not supported', 'a config var is no file: name it in the environment of the service')
      else if (key === 'external' && at.flag()) at.refuse('is not supported', 'say file: or content: of it')
      else if (!['file', 'content', 'name', 'labels', 'external'].includes(key) && !key.startsWith('x-'))
        at.refuse('is not supported', 'a config has file: or content:')
    }
}

/** The configs of a service that runs an image as it is: they are copied over it. What others build they copy themselves. */
export function configsOf(service: Field, sources: ConfigSources): ConfigFiles {
  const found = service.get('configs')
  const all = found?.items() ?? []
  if (all.length > most) found?.refuse(`has ${all.length} of them`, `at most ${most}`)
  const read = all.slice(0, most).flatMap((one) => configOf(one, sources) ?? [])
  return {
    lines: read.map(({ line }) => line),
    files: read.flatMap(({ file }) => file ?? []),
  }
}

/** @throws nothing: refuses them where the service builds its image */
export function refuseConfigs(service: Field): void {
  const found = service.get('configs')
  if (found && !found.isNone) found.refuse('is not supported beside build', way)
}

function configOf(one: Field, sources: ConfigSources): { line: string; file?: string } | null {
  const isMap = one.value.kind === 'map'
  const text = (key: string): string => (isMap ? (one.get(key)?.text() ?? '') : '')
  const name = isMap ? text('source') : one.text()
  const config = sources.configs.get(name)
  if (config === undefined) {
    one.refuse(`names the config ${shown(name)}, which the file does not have`, 'add it below configs at the top')
    return null
  }
  const target = text('target') || `/${name}`
  const [uid, gid, mode] = [text('uid') || '0', text('gid') || '0', text('mode') || '0444']
  const isRight = /^\/[\w.@+/-]+$/.test(target) && !target.split('/').includes('..')
  if (!isRight || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid) || !/^0?[0-7]{3}$/.test(mode)) {
    one.refuse(`is ${shown([target, uid, gid, mode].join(' '))}`, 'a target from / on is wanted, and a mode as 0444')
    return null
  }
  const copy = `COPY --chown=${uid}:${gid} --chmod=${mode.padStart(4, '0')}`
  const content = config.get('content')
  if (content !== undefined) {
    const inline = content.text()
    if (!inline.split('\n').includes(end))
      return { line: `${copy} <<"${end}" ${target}\n${inline.replace(/\n$/, '')}\n${end}` }
    content.refuse(`has a line ${end}`, 'take it out')
    return null
  }
  const file = fileOf(config, sources)
  return file === null ? null : { line: `${copy} ${JSON.stringify([file, target])}`, file }
}

function fileOf(config: Field, { tree, base }: ConfigSources): string | null {
  const at = config.get('file')
  if (at === undefined) {
    config.refuse('says not what is in it', 'a config has file: or content:')
    return null
  }
  const path = pathBelow(at, base, at.text(), 'put it beside the compose file')
  if (path === null) return null
  if (!tree.hasFile(path)) at.refuse(`is ${shown(path)}, which is not among what is deployed`, 'is it ignored by git?')
  else if (!plainPath.test(path)) at.refuse(`is ${shown(path)}`, 'name it with letters, digits, and . _ @ + -')
  else return path
  return null
}
