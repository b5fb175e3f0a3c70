import { SourceError } from './source-error.js'
import type { Plan } from './plan.js'
import { parseProcfile, saysWhatRuns } from './procfile.js'
import type { Tree } from './tree.js'

/** An app that brings its own Dockerfile. Where no Procfile says what runs its `web` process is the image's own command. */
export function dockerfile(tree: Tree): Plan | null {
  const text = tree.read('Dockerfile')
  if (text === null) return null
  if (text.trim() === '')
    throw new SourceError('Dockerfile', 1, 1, 'the file is empty', 'begin it with `FROM`, or remove it')
  const procfile = tree.read('Procfile')
  const declared = procfile === null ? {} : parseProcfile(procfile)
  return {
    buildpack: 'dockerfile',
    name: 'Dockerfile',
    version: '',
    dockerfile: text,
    dockerignore: tree.read('Dockerfile.dockerignore') ?? tree.read('.dockerignore') ?? '',
    processTypes: saysWhatRuns(declared) ? declared : { web: null, ...declared },
    notes: [],
  }
}
