import { posix } from 'node:path'
import { parse } from 'dotenv'
import type { Tree } from '../tree.js'
import { shown, type Field } from './field.js'

const variable = /^[^=\s\0]{1,200}$/
/** More than any service has. */
const mostVariables = 500

/** A path that a compose file names, below the top of the tree; null, refused, for one that leads out. */
export function pathBelow(field: Field, base: string, path: string, way: string): string | null {
  const joined = posix.normalize(posix.join(base, path)).replace(/\/$/, '')
  if (
    !path.startsWith('/') &&
    !path.startsWith('~') &&
    joined !== '..' &&
    !joined.startsWith('../') &&
    !path.includes('\0')
  )
    return joined
  field.refuse(`is ${shown(path)}, which is outside what is deployed`, way)
  return null
}

/** The variables of a service: those of its env_files, with those of its environment over them. */
export function environmentOf(service: Field, tree: Tree, base: string): Record<string, string | null> {
  const found = new Map<string, string | null>()
  for (const file of service.get('env_file')?.items() ?? []) readEnvFile(file, tree, base, found)
  const environment = service.get('environment')
  for (const [name, { at, value }] of environment?.pairs() ?? []) {
    if (!variable.test(name)) at.refuse(`has ${shown(name)} for a name`, 'write NAME: value')
    if (value !== null) at.reading.interpolated(at.line, at.path, value)
    found.set(name, value)
  }
  if (found.size > mostVariables) service.refuse(`has ${found.size} variables`, `at most ${mostVariables}`)
  return Object.fromEntries(found)
}

function readEnvFile(file: Field, tree: Tree, base: string, into: Map<string, string | null>): void {
  const isMap = file.value.kind === 'map'
  const path = (isMap ? file.get('path')?.text() : file.text()) ?? ''
  const isOptional = isMap && file.get('required')?.flag() === false
  const place = pathBelow(
    file,
    base,
    path,
    'put it beside the compose file; what is secret goes in by berth config:set',
  )
  if (place === null) return
  const text = tree.read(place)
  if (text === null) {
    if (!isOptional)
      file.refuse(
        `names ${shown(path)}, which is not among what is deployed`,
        'is it ignored by git? Set what is in it by berth config:set and name it in environment, or say required: false',
      )
    return
  }
  // what is in it is a value as it is, not one with variables in it
  for (const [name, value] of Object.entries(parse(text))) into.set(name, value.replaceAll('$', '$$$$'))
}
