import { realpathSync, statSync } from 'node:fs'
import { codeOf, EngineError } from '../errors.js'
import { LayerWriter } from '../images/layer-writer.js'
import { Batches } from '../workers/flow.js'
import { identityOwners, ownersIn } from '../images/owners.js'
import { handleMessages } from '../kernel/thread.js'
import { resolveIn, lstatOr } from '../images/tree.js'
import { Unpacker } from '../images/unpack.js'
import { lookUpUser } from '../runtime/users.js'
import { isKernel, packChildren, packTree } from './pack-tree.js'
import { absolute, baseOf, follows, statPath } from './path-stat.js'
import { enter, type ArchivePlace } from './place.js'

/** Where an archive goes in a container. */
export interface UnpackTarget {
  /** A directory that exists. */
  readonly path: string
  readonly keepKinds: boolean
  /** `user[:group]` of the container whom everything is given to; '' leaves the archive's owners. */
  readonly owner: string
}

/** What is said to the thread that works on one container's files; `enter` comes first. */
export type ArchiveMessage =
  | { readonly kind: 'enter'; readonly place: ArchivePlace }
  | { readonly kind: 'stat' | 'pack' | 'find'; readonly path: string }
  | { readonly kind: 'export' | 'next' | 'end' | 'abort' }
  | { readonly kind: 'unpack'; readonly target: UnpackTarget }
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }

/** Of the container's files. */
let owners = identityOwners
let batches: Batches | undefined
let writing: { layerWriter: LayerWriter; unpacker: Unpacker } | undefined

/** The canonical path of a directory to write to. @throws EngineError `missing`, `invalid` */
function findDirectory(path: string): string {
  let canonical: string
  try {
    canonical = realpathSync.native(absolute(path))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new EngineError('missing', `no ${path}`)
    if (codeOf(error) === 'ENOTDIR') throw new EngineError('invalid', 'extraction point is not a directory')
    throw error
  }
  if (!statSync(canonical).isDirectory()) throw new EngineError('invalid', 'extraction point is not a directory')
  if (isKernel(canonical)) throw new EngineError('missing', `no ${path}`)
  return canonical
}

function pack(path: string): unknown {
  const asked = absolute(path)
  const stat = statPath(asked)
  const at = (here: string) => {
    const found = lstatOr(here)
    return found && { stat: found, paths: [here] as const }
  }
  batches = new Batches(packTree(resolveIn(at, asked, follows(asked)).path, baseOf(asked), owners))
  return stat
}

function beginUnpack({ path, keepKinds, owner }: UnpackTarget): void {
  const layerWriter = new LayerWriter('', [], owners)
  const user = owner === '' ? undefined : lookUpUser('/', owner).user
  const unpacker = new Unpacker(layerWriter, path, 'copy', undefined, undefined, {
    keepKinds,
    ...(user ? { owner: { uid: user.uid, gid: user.gid } } : {}),
  })
  writing = { layerWriter, unpacker }
}

function handle(message: ArchiveMessage): unknown {
  switch (message.kind) {
    case 'enter':
      enter(message.place)
      if (message.place.kind === 'running' && message.place.range) owners = ownersIn(message.place.range)
      return undefined
    case 'stat':
      return statPath(message.path)
    case 'find':
      return findDirectory(message.path)
    case 'pack':
      return pack(message.path)
    case 'export':
      batches = new Batches(packChildren('/', owners))
      return undefined
    case 'next':
      return batches?.next()
    case 'unpack':
      beginUnpack(message.target)
      return undefined
    case 'chunk':
      return writing?.unpacker.push(
        Buffer.from(message.chunk.buffer, message.chunk.byteOffset, message.chunk.byteLength),
      )
    case 'end':
      writing?.unpacker.end()
      return writing?.layerWriter.close()
    case 'abort':
      return writing?.unpacker.abort()
  }
}

handleMessages(handle, () => writing?.unpacker.abort())
