import { registerHooks } from 'node:module'
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
/** Not `file:` or `node:`, for the module that stands in is to be another one than that for which it does. */
const scheme = 'lazy:'

/** A CommonJS module that loads the real one when something of it is asked for. */
const stand = (url: string): string => {
  const own = url.startsWith('file:')
  return `
  const { createRequire } = process.getBuiltinModule('node:module')
  const real = () => createRequire('/')(${JSON.stringify(own ? fileURLToPath(url) : url)})
  module.exports = new Proxy(function () {}, {
    get: (_, name) => ${own ? '' : "name === '__esModule' ? false : "}Reflect.get(real(), name),
    apply: (_, self, args) => Reflect.apply(real(), self, args),
  })`
}

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    if (specifier === '../locales/index.js' && found.url.includes('/node_modules/zod/')) return { ...found, ...nothing }
    if (!lazy.get(specifier)?.test(context.parentURL ?? '') || !context.conditions.includes('require')) return found
    return { ...found, url: scheme + found.url, format: 'commonjs', shortCircuit: true }
  },
  load(url, context, next) {
    if (!url.startsWith(scheme)) return next(url, context)
    return { format: 'commonjs', source: stand(url.slice(scheme.length)), shortCircuit: true }
  },
})
