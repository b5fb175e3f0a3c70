import { createRequire, Module, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Loaded before all else, `node --import` (see bin/berth): has parts of libraries that are hardly ever used loaded when they
 * are. dockerode would load SSH and gRPC, nine MiB, for engines that are reached by SSH and for BuildKit's sessions; BullMQ
 * PostgreSQL, other clients of Redis and the calendar of jobs that come again; all that speak HTTP, or to Redis, would set up
 * OpenSSL's TLS, two MiB, where ours goes over sockets of this machine; express would load what parses forms and sends files, of
 * which the API does neither. And zod would load all the languages of its messages:
 * ours are in English, which it loads by itself.
 */
const lazy: ReadonlyMap<string, RegExp> = new Map([
  ['./ssh', /\/node_modules\/docker-modem\//],
  ['@grpc/grpc-js', /\/node_modules\/dockerode\//],
  ['@grpc/proto-loader', /\/node_modules\/dockerode\//],
  ['protobufjs', /\/node_modules\/dockerode\//],
  ['tar-fs', /\/node_modules\/dockerode\//],
  ['./postgres', /\/node_modules\/bullmq\//],
  ['./bun-redis-client', /\/node_modules\/bullmq\//],
  ['./node-redis-client', /\/node_modules\/bullmq\//],
  ['./valkey-glide-client', /\/node_modules\/bullmq\//],
  ['./redis-relay-backend', /\/node_modules\/bullmq\//],
  ['./relay', /\/node_modules\/bullmq\//],
  ['./sandbox', /\/node_modules\/bullmq\//],
  ['cron-parser', /\/node_modules\/bullmq\//],
  ['qs', /\/node_modules\/(express|body-parser)\//],
  ['send', /\/node_modules\/express\//],
  ['serve-static', /\/node_modules\/express\//],
  ['https', /\/node_modules\//],
  ['tls', /\/node_modules\//],
])
const nothing = { url: 'data:text/javascript,', format: 'module', shortCircuit: true }

const require = createRequire('/')
/** The stand-ins' URLs, by what they stand for. */
const standIns = new Map<string, string>()

/**
 * A CommonJS module that loads the real one when something of it is asked for. It lies in Node.js's cache as of a file that
 * there is not, for a hook that gave its text would have Node.js keep the text of every module there is.
 */
function standInFor(url: string): string {
  const own = url.startsWith('file:')
  const real = (): object => require(own ? fileURLToPath(url) : url) as object
  const module = new Module(`/lazy/${standIns.size}.json`) // of a module in JavaScript it would look for names
  module.exports = new Proxy(() => undefined, {
    get: (_, name) => (!own && name === '__esModule' ? false : (Reflect.get(real(), name) as unknown)),
    apply: (_, self, args) => Reflect.apply(real() as () => unknown, self, args) as unknown,
  })
  module.loaded = true
  require.cache[module.id] = module
  return `file://${module.id}`
}

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    if (specifier === '../locales/index.js' && found.url.includes('/node_modules/zod/')) return { ...found, ...nothing }
    if (!lazy.get(specifier)?.test(context.parentURL ?? '') || !context.conditions.includes('require')) return found
    const url = standIns.get(found.url) ?? standInFor(found.url)
    standIns.set(found.url, url)
    return { url, shortCircuit: true }
  },
})
