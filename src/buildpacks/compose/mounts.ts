import { posix } from 'node:path'
import { mostMounts, volumeName, type ProcessSettings, type VolumeMount } from '../../process-settings.js'
import { shown, type Field } from './field.js'
import { bytesOf } from './units.js'

const bindWay =
  'the server has no such files: COPY them in the Dockerfile that build: names, or keep what is written in a named volume'

/** Names of the volumes of the file. */
export function volumeNames(volumes: Field | undefined): Set<string> {
  const names = new Set<string>()
  for (const [name, volume] of volumes?.entries() ?? []) {
    if (!volumeName.test(name)) volume.refuse('has a name that no volume has', 'use letters, digits, - and _')
    names.add(name)
    if (volume.isNone) continue
    for (const [key, at] of volume.entries()) {
      if (key === 'external' && (at.value.kind === 'map' || at.flag()))
        at.refuse('is not supported', 'volumes belong to their app: take external out, and copy the data into it')
      else if (key === 'driver' && !['local', ''].includes(at.text()))
        at.refuse(`is ${shown(at.text())}`, 'volumes are on the server: take it out')
      else if (key === 'driver_opts' && !at.isNone && at.entries().length > 0)
        at.refuse('is not supported', 'volumes are directories on the server: take it out')
      else if (!['external', 'driver', 'driver_opts', 'name', 'labels'].includes(key) && !key.startsWith('x-'))
        at.refuse('is not known', 'take it out')
    }
  }
  return names
}

/** What a service has mounted. */
export function mountsOf(service: Field, named: ReadonlySet<string>): Pick<ProcessSettings, 'volumes' | 'tmpfs'> {
  const volumes: VolumeMount[] = []
  const tmpfs: Record<string, string> = {}
  for (const one of service.get('tmpfs')?.items() ?? []) {
    const [target = '', ...options] = one.text().split(':')
    if (isTarget(one, target)) tmpfs[target] = options.join(':')
  }
  for (const one of service.get('volumes')?.items() ?? []) {
    const { type, source, target, ...rest } = one.value.kind === 'map' ? longForm(one) : shortForm(one)
    if (!['volume', 'tmpfs'].includes(type)) {
      one.refuse(`mounts ${shown(source)} of the machine`, bindWay)
      continue
    }
    if (!isTarget(one, target)) continue
    if (type === 'tmpfs') tmpfs[target] = rest.options ?? ''
    else if (source !== '' && !named.has(source))
      one.refuse(
        `names the volume ${shown(source)}, which the file does not have`,
        `add ${source.slice(0, 40)}: below volumes at the top`,
      )
    else volumes.push({ target, ...(source === '' ? {} : { name: source }), ...rest.flags })
  }
  const targets = [...volumes.map(({ target }) => target), ...Object.keys(tmpfs)]
  if (targets.length > mostMounts) service.refuse(`has ${targets.length} mounts`, `at most ${mostMounts}`)
  if (new Set(targets).size < targets.length) service.refuse('has two mounts at one place', 'take one out')
  return {
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(Object.keys(tmpfs).length === 0 ? {} : { tmpfs }),
  }
}

function isTarget(field: Field, target: string): boolean {
  const isPlace = posix.isAbsolute(target) && posix.normalize(target) !== '/' && !/\p{Cc}/u.test(target)
  if (!isPlace)
    field.refuse(`has ${shown(target)} for its place in the container`, 'an absolute path below / is wanted')
  return isPlace
}

interface Mount {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly flags: Pick<VolumeMount, 'readOnly' | 'noCopy' | 'subpath'>
  /** Of a tmpfs. */
  readonly options?: string
}

function shortForm(field: Field): Mount {
  const text = field.text()
  const parts = text.split(':')
  if (parts.length === 1) return { type: isPath(text) ? 'volume' : 'bind', source: '', target: text, flags: {} }
  const [source = '', target = '', mode = ''] = parts
  const modes = mode.split(',')
  return {
    type: isPath(source) || source === '' ? 'bind' : 'volume',
    ...{ source, target },
    flags: {
      ...(modes.includes('ro') ? { readOnly: true } : {}),
      ...(modes.includes('nocopy') ? { noCopy: true } : {}),
    },
  }
}

const isPath = (source: string): boolean => /^[./~]|^[A-Za-z]:\\/.test(source)

function longForm(field: Field): Mount {
  const text = (name: string): string => field.get(name)?.text() ?? ''
  const [volume, tmpfs] = [field.get('volume'), field.get('tmpfs')]
  const size = tmpfs?.get('size')
  const bytes = size === undefined ? undefined : bytesOf(size.text())
  if (bytes === null) size?.refuse('is no amount', 'write it as 64m')
  const mode = tmpfs?.get('mode')?.text() ?? ''
  const subpath = volume?.get('subpath')?.text() ?? ''
  if (subpath.startsWith('/') || subpath.split('/').includes('..'))
    volume?.get('subpath')?.refuse('leads out of the volume', 'write a path below its top')
  if (mode !== '' && !/^0?[0-7]{3,4}$/.test(mode)) tmpfs?.get('mode')?.refuse('is no mode', 'write it as 1770')
  return {
    ...{ type: text('type') || 'volume', source: text('source'), target: text('target') },
    flags: {
      ...(field.get('read_only')?.flag() ? { readOnly: true } : {}),
      ...(volume?.get('nocopy')?.flag() ? { noCopy: true } : {}),
      ...(subpath === '' ? {} : { subpath }),
    },
    options: [...(bytes ? [`size=${bytes}`] : []), ...(mode === '' ? [] : [`mode=${mode}`])].join(','),
  }
}
