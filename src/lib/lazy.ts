import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Loaded before all else, `node --import` (see bin/berth): has parts of libraries that are hardly ever used loaded when they
 * are. dockerode would load SSH and gRPC, nine MiB, for engines that are reached by SSH and for BuildKit's sessions.
 * And zod all the languages of its messages, 1.5 MiB: ours are in English, which it loads by itself.
 */
const lazy: ReadonlySet<string> = new Set(['./ssh', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'])
const nothing = { url: 'data:text/javascript,', format: 'module', shortCircuit: true }
/** Not `file:`, for the module that stands in is to be another one than that for which it does. */
const scheme = 'lazy:'

/** A CommonJS module that loads the real one when something of it is asked for. */
const stand = (file: string): string => `
  const { createRequire } = process.getBuiltinModule('node:module')
  const real = () => createRequire(${JSON.stringify(file)})(${JSON.stringify(file)})
  module.exports = new Proxy(function () {}, {
    get: (_, name) => Reflect.get(real(), name),
    apply: (_, self, args) => Reflect.apply(real(), self, args),
  })`

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    if (specifier === '../locales/index.js' && found.url.includes('/node_modules/zod/')) return { ...found, ...nothing }
    if (!lazy.has(specifier) || !/\/node_modules\/docker(ode|-modem)\//.test(context.parentURL ?? '')) return found
    return { ...found, url: scheme + found.url, format: 'commonjs', shortCircuit: true }
  },
  load(url, context, next) {
    if (!url.startsWith(scheme)) return next(url, context)
    return { format: 'commonjs', source: stand(fileURLToPath(url.slice(scheme.length))), shortCircuit: true }
  },
})
