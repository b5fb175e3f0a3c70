import { SourceError } from './source-error.js'
import type { Plan } from './plan.js'
import { parseProcfile } from './procfile.js'
import type { Tree } from './tree.js'

/** An app that brings its own Dockerfile. Without a Procfile its `web` process is the image's own command. */
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
    processTypes: { ...('web' in declared ? {} : { web: null }), ...declared },
    notes: [],
  }
}
