import type { Command } from './commands.js'

/** Programs that serve for development, by the first argument that has them do so; '' is none at all. */
const servers: Readonly<Record<string, readonly string[]>> = {
  ng: ['serve', 's'],
  'react-scripts': ['start'],
  'react-app-rewired': ['start'],
  craco: ['start'],
  vite: ['', 'dev', 'serve', 'preview'],
  astro: ['dev', 'preview', 'start'],
  next: ['dev', ''],
  nuxt: ['dev', 'preview', ''],
  nuxi: ['dev', 'preview'],
  webpack: ['serve', 'server', 's'],
  'webpack-dev-server': [''],
  gatsby: ['develop', 'serve'],
  docusaurus: ['start', 'serve'],
  vitepress: ['dev', 'serve', 'preview'],
  vuepress: ['dev', 'serve'],
  'vue-cli-service': ['serve'],
  parcel: ['serve', 'watch', ''],
  remix: ['dev', 'vite:dev'],
  'react-router': ['dev'],
  ember: ['serve', 's', 'server'],
  hexo: ['server', 's'],
  expo: ['start'],
  rsbuild: ['dev', 'preview'],
  rspack: ['dev', 'serve', 'preview'],
  vinxi: ['dev'],
  storybook: ['dev'],
  'start-storybook': [''],
  'live-server': [''],
  'browser-sync': ['start'],
  snowpack: ['dev'],
}
/** Those whose word for serving is an option. */
const byOption: Readonly<Record<string, RegExp>> = {
  eleventy: /^--(?:serve|watch)$/,
  '@11ty/eleventy': /^--(?:serve|watch)$/,
}
/** What those that serve without being told to are told to do instead. */
const otherwise =
  /^(?:build|start|generate|prepare|optimize|export|lint|info|init|add|typegen|typecheck|analyze|upgrade)$/

/** Whether a command serves for development: it builds in memory, or watches, and is not made to be reached by others. */
export function servesForDevelopment({ program, args }: Command): boolean {
  const option = Object.hasOwn(byOption, program) ? byOption[program] : undefined
  if (option !== undefined) return args.some((arg) => option.test(arg))
  const words = Object.hasOwn(servers, program) ? servers[program] : undefined
  if (words === undefined) return false
  const first = args.find((arg) => !arg.startsWith('-')) ?? ''
  // what follows may be an option's value, or a folder to serve
  return words.includes(first) || (words.includes('') && !otherwise.test(first))
}

/** A watcher's command without the watching: `node server.js` of `nodemon server.js`; null for any other. */
export function withoutWatching({ program, args }: Command): string | null {
  const file = args.find((arg) => /^[\w./-]+$/.test(arg) && (arg === '.' || /\.[cm]?[jt]s$/.test(arg)))
  if (program === 'nodemon' && file !== undefined && args.length === 1 && !file.endsWith('ts')) return `node ${file}`
  if (program === 'node' && args.includes('--watch'))
    return ['node', ...args.filter((arg) => arg !== '--watch')].join(' ')
  if (program === 'tsx' && args[0] === 'watch') return ['tsx', ...args.slice(1)].join(' ')
  return null
}
