import { SourceError } from '../source-error.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'

/** An app that brings its own Dockerfile. Where no Procfile says what runs its `web` process is the image's own command. */
export const dockerfile: Buildpack = { name: 'dockerfile', takes: 'a Dockerfile', landmark: 'Dockerfile', plan }

function plan(tree: Tree): Plan | null {
  const text = tree.read('Dockerfile')
  if (text === null) return null
  if (text.trim() === '')
    throw new SourceError(
      { file: 'Dockerfile', line: 1, column: 1 },
      'the file is empty',
      'begin it with `FROM`, or remove it',
    )
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  return {
    buildpack: 'dockerfile',
    name: 'Dockerfile',
    found: 'Dockerfile',
    version: '',
    dockerfile: text,
    ownDockerfile: true,
    dockerignore: tree.read('Dockerfile.dockerignore') ?? tree.read('.dockerignore') ?? '',
    processTypes: declares ? declared : { web: null, ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [],
  }
}
