import { defaultNodeMajor, nodeImage } from './node-version.js'
import type { Plan } from './plan.js'
import { parseProcfile, saysWhatRuns } from './procfile.js'
import { staticServer } from './static-server.js'
import type { Tree } from './tree.js'

const places = ['.', 'public', 'dist', 'build', '_site']
const command = 'node /srv/server.mjs'

/** Where the site lies in the tree: the first place that has an index.html; null when none has. */
export const siteDirectory = (tree: Tree): string | null =>
  places.find((place) => tree.hasFile(`${place}/index.html`)) ?? null

/** A folder with an index.html, served as it is. */
export function staticSite(tree: Tree): Plan | null {
  const place = siteDirectory(tree)
  if (place === null) return null
  const procfile = tree.read('Procfile')
  const declared = procfile === null ? {} : parseProcfile(procfile)
  return {
    buildpack: 'static',
    name: 'Static site',
    version: '',
    dockerfile: [
      `FROM ${nodeImage(defaultNodeMajor)}`,
      'ENV NODE_ENV=production',
      "COPY <<'SERVER' /srv/server.mjs",
      `${staticServer}SERVER`,
      `COPY ${place} /srv/site`,
      'WORKDIR /srv/site',
      'USER node',
      `CMD ${JSON.stringify(command.split(' '))}`,
      '',
    ].join('\n'),
    dockerignore: ['.git', 'Procfile', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: saysWhatRuns(declared) ? declared : { web: command, ...declared },
    notes: place === '.' ? [] : [`serving ${place}/`],
  }
}
