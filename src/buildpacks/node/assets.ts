import type { Tree } from '../tree.js'
import { installationOf } from './installation.js'
import { commandsFor } from './manager-commands.js'
import { managerOf } from './manager.js'
import { parsePackageJson } from './package-json.js'
import { nodeImage, nodeVersion } from './version.js'
import { membersOf } from './workspace.js'

/** Scripts that make an app's assets, the first that is there. */
const scripts = ['heroku-postbuild', 'build', 'production', 'prod']

/** A stage that makes the assets of an app in another language, and what the pusher should know of it. */
export interface AssetsStage {
  /** Of a Dockerfile; what it has made lies in `/app` of its stage `assets`. */
  readonly lines: readonly string[]
  readonly notes: readonly string[]
}

/**
 * How the assets of an app are built whose package.json is there for them alone; null where it builds nothing.
 * @param more scripts that are run too, where they are there
 * @throws BerthError `invalid` as the Node.js buildpack does
 */
export function assetsStage(tree: Tree, more: readonly string[] = []): AssetsStage | null {
  const text = tree.read('package.json')
  if (text === null) return null
  const root = parsePackageJson(text)
  const first = scripts.find((name) => root.scripts[name] !== undefined)
  const found = [...(first === undefined ? [] : [first]), ...more.filter((name) => root.scripts[name] !== undefined)]
  if (found.length === 0) return null
  const manager = managerOf(tree, root)
  const commands = commandsFor(manager, null)
  const members = membersOf(tree, root)
  const { files, any } = installationOf({ tree, root, members, manager, commands }, true)
  const { version, notes } = nodeVersion(tree, root)
  const run = `RUN --mount=type=cache,target=${commands.cache}${commands.alone ? ',sharing=locked' : ''}`
  const copies = (files ?? []).map((path) => {
    const place = path.slice(0, path.lastIndexOf('/') + 1)
    return `COPY ${path.replace(/\/$/, '')} ./${place}`
  })
  const env = Object.entries({ ...commands.env, PATH: '/app/node_modules/.bin:$PATH' })
  return {
    lines: [
      `FROM ${nodeImage(version)} AS assets`,
      `ENV ${env.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      'WORKDIR /app',
      ...(commands.setup === null ? [] : [`RUN ${commands.setup}`]),
      ...(any && files !== null ? [...copies, `${run} ${commands.install(true)}`, 'COPY . .'] : ['COPY . .']),
      ...(any && files === null ? [`${run} ${commands.install(true)}`] : []),
      ...found.map((name) => `${run} NODE_ENV=production ${commands.run} ${name}`),
      '',
    ],
    notes: [`assets are built by Node.js ${version} (\`${found.join('`, `')}\` of package.json)`, ...notes],
  }
}
