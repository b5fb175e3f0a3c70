import { isNear } from '../lib/near.js'
/** The names that Heroku and Dokku give a meaning, by where they stand; `*` is any name or number. */
const known: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...['name', 'description', 'website', 'repository', 'logo', 'keywords', 'success_url', 'stack', 'image', 'addons'],
    ...['buildpacks', 'env', 'formation', 'scripts', 'healthchecks', 'cron', 'environments'],
  ],
  'env.*': ['description', 'value', 'required', 'generator', 'sync'],
  'formation.*': ['quantity', 'size', 'max_parallel', 'autoscaling', 'service'],
  scripts: ['predeploy', 'postdeploy', 'pr-predestroy', 'test', 'test-setup', 'dokku'],
  'scripts.dokku': ['predeploy', 'postdeploy'],
  'healthchecks.*.*': [
    ...['type', 'name', 'path', 'scheme', 'port', 'httpHeaders', 'content', 'status', 'command', 'listening', 'uptime'],
    ...['attempts', 'timeout', 'wait', 'initialDelay', 'warn', 'onFailure'],
  ],
  'healthchecks.*.*.httpHeaders.*': ['name', 'value'],
  'healthchecks.*.*.onFailure': ['command', 'url'],
  'cron.*': ['command', 'schedule', 'concurrency_policy', 'maintenance', 'timezone', 'timeout', 'name', 'description'],
}

const patterns = Object.entries(known).map(([place, names]) => ({ place: place === '' ? [] : place.split('.'), names }))

/** The names that have a meaning at a place; undefined where its author names things. */
const namesAt = (above: readonly string[]): readonly string[] | undefined =>
  patterns.find(
    ({ place }) => place.length === above.length && place.every((name, at) => name === '*' || name === above[at]),
  )?.names

/** What a name that nobody knows is told; undefined for one that is known, or that is its author's own. */
export function unknownName(path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? ''
  if (name === '$schema' || /^(?:x-|_)/.test(name)) return undefined
  const above = path.slice(0, -1)
  const names = namesAt(above)
  if (names === undefined || names.includes(name)) return undefined
  const meant = names.find((one) => isNear(one, name.toLowerCase()))
  return `${path.join('.')} is not known${meant === undefined ? '' : `: ${[...above, meant].join('.')} is meant?`}`
}
