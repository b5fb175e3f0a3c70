import { apiRoutes, type ApiDeps } from './routes.js'
import { unserved } from './unserved.js'

/** Stands for all that handlers would use: the routes are only listed. */
const nothing: object = new Proxy(() => undefined, { get: () => nothing })

/** Every endpoint that is served, `METHOD /path`, and what is missing of it ('' when nothing is). */
export const servedEndpoints = (): ReadonlyMap<string, string> =>
  new Map(apiRoutes(nothing as ApiDeps).map(({ method, path, partly = '' }) => [`${method} ${path}`, partly]))

/** A Markdown table of every endpoint of Docker's API: *yes*, *partly (what is missing)* or *no (why)*. */
export function endpointTable(): string {
  const rows = [
    ...[...servedEndpoints()].map(([endpoint, partly]) => [endpoint, partly === '' ? 'yes' : `partly (${partly})`]),
    ...unserved.flatMap(({ why, endpoints }) => endpoints.map((endpoint) => [endpoint, `no (${why})`])),
  ]
  const key = ([endpoint = '']: string[]): string => endpoint.split(' ').reverse().join(' ')
  const sorted = rows.sort((a, b) => (key(a) < key(b) ? -1 : 1))
  return ['| Endpoint | Served |', '| --- | --- |', ...sorted.map(([a, b]) => `| \`${a ?? ''}\` | ${b ?? ''} |`)].join(
    '\n',
  )
}
