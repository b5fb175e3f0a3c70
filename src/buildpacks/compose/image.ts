import { BerthError } from '../../errors.js'
import type { ImagePlan } from '../buildpack.js'
import { readImage } from '../dockerfile/image.js'
import { configsOf, refuseConfigs, type ConfigFiles, type ConfigSources } from './configs.js'
import { pathBelow } from './environment.js'
import { shown, type Field } from './field.js'
import { buildKeys, checkKeys } from './keys.js'

/** As a reference of an image is written: nothing else gets into a Dockerfile. */
const imageReference = /^[a-z0-9][\w.:/@-]{0,511}$/

/** Where the images of an app come from. */
export interface ImageSources extends ConfigSources {
  readonly variables: Readonly<Record<string, string>>
  /** What has been planned, by what it is made of: services that say the same have one image. */
  readonly planned: Map<string, ImagePlan>
}

/** How the image of a service is had; null where that was refused. */
export function imageOf(service: Field, sources: ImageSources, built: ReadonlyMap<string, Field>): ImagePlan | null {
  const [image, build] = [service.get('image'), service.get('build')]
  if (build !== undefined && !build.isNone) {
    refuseConfigs(service)
    return builtImage(build, sources)
  }
  if (image === undefined || image.isNone) {
    service.refuse('has neither build nor image', 'say which folder it is built from, or which image it runs')
    return null
  }
  const name = image.text()
  const other = built.get(name)
  if (other !== undefined) {
    refuseConfigs(service)
    return builtImage(other, sources)
  }
  if (imageReference.test(name)) {
    const configs = configsOf(service, sources)
    return once(sources, `image ${name} ${configs.lines.join('\n')}`, () => pulled(name, configs))
  }
  image.refuse(`is ${shown(name)}, which is no name of an image`, 'write NAME, NAME:TAG or NAME@sha256:…')
  return null
}

const pulled = (name: string, { lines, files }: ConfigFiles): ImagePlan => ({
  dockerfile: [`FROM ${name}`, ...lines, ''].join('\n'),
  ownDockerfile: false,
  namesImages: true,
  dockerignore: ['**', ...files.map((file) => `!${file}`)].join('\n'),
  title: name,
})

function once<T extends ImagePlan | null>({ planned }: ImageSources, key: string, make: () => T): T | ImagePlan {
  const known = planned.get(key)
  if (known !== undefined) return known
  const made = make()
  if (made !== null) planned.set(key, made)
  return made
}

function builtImage(build: Field, sources: ImageSources): ImagePlan | null {
  const isMap = build.value.kind === 'map'
  if (isMap) checkKeys(build, buildKeys)
  const { line, reading } = build
  const context = isMap ? build.get('context') : build
  const folder = contextOf(context ?? build, context === undefined ? '.' : context.text(), sources)
  if (folder === null) return null
  const text = (name: string): string => (isMap ? (build.get(name)?.text() ?? '') : '')
  if (text('network') === 'host') build.get('network')?.refuse('is host', 'builds are on a network of their own')
  const args = isMap ? argsOf(build.get('args')) : {}
  const [inline, target, dockerfile] = [text('dockerfile_inline'), text('target'), text('dockerfile') || 'Dockerfile']
  const key = JSON.stringify([folder, inline, target, dockerfile, args])
  return once(sources, key, () => {
    if (inline !== '') return inlineImage(inline, folder, { target, args }, sources)
    try {
      const source = { context: folder, dockerfile, target, args, namedBy: `${reading.file}:${line}: ${build.path}` }
      const { notes, ...plan } = readImage(sources.tree, sources.variables, source)
      for (const note of notes) reading.notes.add(note)
      return plan
    } catch (error) {
      if (!(error instanceof BerthError)) throw error
      build.refuse(`cannot be built: ${error.message}`, error.hint ?? 'correct it')
      return null
    }
  })
}

function contextOf(field: Field, path: string, { tree, base }: ImageSources): string | null {
  if (/:\/\/|^(?:git@|github\.com\/|service:)/.test(path)) {
    field.refuse(`is ${shown(path)}`, 'builds are made of what is deployed: copy it there, or make it a submodule')
    return null
  }
  const way = 'deploy the folder that has both: berth deploy FOLDER --compose FOLDER/…/compose.yaml'
  const folder = pathBelow(field, base, path, way)
  if (folder === null || folder === '.' || tree.hasDirectory(folder)) return folder
  field.refuse(`is ${shown(path)}, and there is no such folder`, 'paths go from the folder of the compose file')
  return null
}

const argsOf = (args: Field | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(args?.pairs() ?? [])].flatMap(([name, { at, value }]) =>
      value === null ? [] : [[name, at.reading.interpolated(at.line, at.path, value)]],
    ),
  )

const inlineImage = (
  dockerfile: string,
  folder: string,
  { target, args }: { readonly target: string; readonly args: Readonly<Record<string, string>> },
  { tree }: ImageSources,
): ImagePlan => ({
  dockerfile: `${dockerfile.trimEnd()}\n`,
  ownDockerfile: false,
  namesImages: true,
  dockerignore: tree.read(folder === '.' ? '.dockerignore' : `${folder}/.dockerignore`) ?? '',
  title: 'dockerfile_inline',
  ...(folder === '.' ? {} : { context: folder }),
  ...(target === '' ? {} : { target }),
  ...(Object.keys(args).length === 0 ? {} : { args }),
})
