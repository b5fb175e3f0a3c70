import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { siteDirectory } from '../site.js'
import type { Tree } from '../tree.js'
import { siteCommand, siteStage } from './stage.js'

/** A folder with an index.html, served as it is. */
export const staticSite: Buildpack = {
  name: 'static',
  takes: 'a static site (index.html at the top or in public/, dist/, build/ or _site/)',
  landmark: 'index.html',
  plan,
}

function plan(tree: Tree): Plan | null {
  const place = siteDirectory(tree)
  if (place === null) return null
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  return {
    buildpack: 'static',
    name: 'Static site',
    found: 'Static site',
    version: '',
    dockerfile: [...siteStage({ place }), ''].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', 'Procfile', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: declares ? declared : { web: siteCommand, ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: place === '.' ? [] : [`serving ${place}/`],
  }
}
