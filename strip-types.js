import { enableCompileCache, registerHooks } from 'node:module'
import { existsSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'

/** For tests: runs this checkout's TypeScript as it is. A file that is named `.js` and is not there is the `.ts` beside it. */
enableCompileCache(fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)))
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'berth/plugin') return next('./src/plugins/public.ts', { ...context, parentURL: import.meta.url })
    const url = /^(\.|file:).*\.js$/.test(specifier) ? new URL(specifier, context.parentURL) : undefined
    if (url?.protocol !== 'file:' || existsSync(url)) return next(specifier, context)
    return next(url.href.replace(/\.js$/, '.ts'), context)
  },
})
