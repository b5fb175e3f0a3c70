import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { siteDirectory } from '../site.js'
import type { Tree } from '../tree.js'
import { settingsFileOf, siteSettings } from './read-settings.js'
import { siteCommand, siteStage } from './stage.js'

/** A folder with an index.html, or one that static.json or a Staticfile names, served as it is. */
export const staticSite: Buildpack = {
  name: 'static',
  takes:
    'a static site (static.json, Staticfile, or index.html at the top or in public/, dist/, build/, _site/ or out/)',
  landmark: 'index.html',
  plan,
}

/** Dokku's marker: an empty file. */
const marker = '.static'

function plan(tree: Tree): Plan | null {
  const place = placeOf(tree)
  if (place === null) return null
  const { settings, notes } = siteSettings(tree, place)
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  return {
    buildpack: 'static',
    name: 'Static site',
    found: 'Static site',
    version: '',
    dockerfile: [...siteStage({ place, settings }), ''].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', 'Procfile', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: declares ? declared : { web: siteCommand, ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [...(place === '.' ? [] : [`serving ${place}/`]), ...notes],
  }
}

/** Where the site lies. @throws BerthError `invalid` for a root that is named and is not there, or leads out of the tree */
function placeOf(tree: Tree): string | null {
  const said = settingsFileOf(tree)
  if (said?.root === undefined) return siteDirectory(tree) ?? (said !== null || tree.hasFile(marker) ? '.' : null)
  const place = said.root.replace(/^(?:\.?\/+)+/, '').replace(/\/+$/, '') || '.'
  // the place stands in a line of the Dockerfile
  if (/^[\w.@+-]+(?:\/[\w.@+-]+)*$/.test(place) && !place.split('/').includes('..') && tree.hasDirectory(place))
    return place
  const shown = said.root.replace(/\p{Cc}/gu, '?').slice(0, 100)
  throw new BerthError(
    'invalid',
    `${said.file}: the root ${shown} ${tree.hasFile(place) ? 'is a file' : 'is no directory of the repository'}`,
    `name the directory that holds the site as "root" in ${said.file}, commit and push again`,
  )
}
