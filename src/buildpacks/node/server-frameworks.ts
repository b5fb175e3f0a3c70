import { BerthError } from '../../errors.js'
import { angular } from './angular.js'
import { configText, folderIn, places, type Framework, type Made, type MadeServer } from './framework.js'
import { has } from './package-json.js'

const next: Framework = {
  name: 'Next.js',
  packages: ['next'],
  build: 'next build',
  makes({ tree, directory }) {
    const text = configText(tree, 'next.config')
    const mode = /\boutput['"]?\s*:\s*['"](\w+)['"]/.exec(text)?.[1]
    const dist = folderIn(text, 'distDir')
    const buildEnv = { NEXT_TELEMETRY_DISABLED: '1' }
    if (mode === 'export')
      return { kind: 'site', places: places(dist, 'out'), fallback: 'none', insteadOf: /^next start\b/, buildEnv }
    // Docker sets HOSTNAME to the container's id, which Next.js would listen on
    const env = { ...buildEnv, HOSTNAME: '0.0.0.0' }
    if (mode !== 'standalone') return { kind: 'server', command: 'next start', env, buildEnv }
    const built = dist ?? '.next'
    // it stands alone as it lies in its workspace
    const inside = directory === '.' ? `${built}/standalone` : `${built}/standalone/${directory}`
    const copies = [
      `cp -r ${built}/static ${inside}/${built}/`,
      ...(tree.hasDirectory('public') ? [`cp -r public ${inside}/`] : []),
    ]
    const output = { from: `${built}/standalone`, to: '.', finish: copies.join(' && ') }
    return { kind: 'server', command: 'node server.js', insteadOf: /^next start\b/, quiet: true, env, buildEnv, output }
  },
}

/** What Nitro builds stands alone. */
const nitro = (extra: Partial<MadeServer> = {}): MadeServer => ({
  kind: 'server',
  command: 'node .output/server/index.mjs',
  insteadOf: /\.output\/server\/index\.mjs|^vinxi start\b/,
  quiet: true,
  env: { NITRO_HOST: '0.0.0.0' },
  buildEnv: { NITRO_PRESET: 'node-server' },
  output: { from: '.output', to: '.output' },
  ...extra,
})

const nuxt: Framework = {
  name: 'Nuxt',
  packages: ['nuxt', 'nuxt3', 'nuxt-edge'],
  build: 'nuxt build',
  makes: ({ pkg }) =>
    /\bnux[ti] generate\b|nuxt build.*--prerender/.test(pkg.scripts.build ?? '')
      ? { kind: 'site', places: ['.output/public', 'dist'], fallback: 'none' }
      : nitro({ buildEnv: { NITRO_PRESET: 'node-server', NUXT_TELEMETRY_DISABLED: '1' } }),
}

const elsewhere = ['vercel', 'netlify', 'cloudflare', 'cloudflare-workers']

const svelteKit: Framework = {
  name: 'SvelteKit',
  packages: ['@sveltejs/kit'],
  build: 'vite build',
  makes({ tree, pkg }) {
    const text = configText(tree, 'svelte.config') + configText(tree, 'vite.config')
    const uses = (adapter: string): boolean =>
      text.includes(`@sveltejs/adapter-${adapter}'`) || text.includes(`@sveltejs/adapter-${adapter}"`)
    if (uses('static'))
      return {
        kind: 'site',
        places: places(folderIn(text, 'pages'), 'build'),
        fallback: folderIn(text, 'fallback') === null || folderIn(text, 'fallback') === '404.html' ? 'none' : 'index',
      }
    const other = elsewhere.find(uses)
    if (other !== undefined)
      throw new BerthError(
        'invalid',
        `SvelteKit is set to build for another platform: @sveltejs/adapter-${other}`,
        'use @sveltejs/adapter-node, or @sveltejs/adapter-auto, which takes it here',
      )
    return {
      kind: 'server',
      command: `node ${folderIn(text, 'out') ?? 'build'}`,
      env: { PROTOCOL_HEADER: 'x-forwarded-proto', HOST_HEADER: 'x-forwarded-host' },
      // by this adapter-auto takes adapter-node, and installs it
      buildEnv: uses('auto') && !has(pkg, '@sveltejs/adapter-node') ? { GCP_BUILDPACKS: 'true' } : {},
    }
  },
}

const astro: Framework = {
  name: 'Astro',
  packages: ['astro'],
  build: 'astro build',
  makes({ tree }) {
    const text = configText(tree, 'astro.config')
    const out = folderIn(text, 'outDir') ?? 'dist'
    const buildEnv = { ASTRO_TELEMETRY_DISABLED: '1' }
    if (!text.includes('@astrojs/node')) return { kind: 'site', places: [out], fallback: 'none', buildEnv }
    const middleware = /mode:\s*['"]middleware['"]/.test(text)
    return { kind: 'server', command: middleware ? null : `node ${out}/server/entry.mjs`, buildEnv }
  },
}

/** React Router and the Remix that it was before: `ssr: false` makes a site, whatever the template's start script says. */
const reactRouter = (name: string, packages: string[], serve: string): Framework => ({
  name,
  packages,
  build: name === 'Remix' ? 'remix vite:build' : 'react-router build',
  makes({ tree }): Made {
    const text = configText(tree, 'react-router.config') + (name === 'Remix' ? configText(tree, 'vite.config') : '')
    const out = folderIn(text, 'buildDirectory') ?? 'build'
    if (/\bssr['"]?\s*:\s*false\b/.test(text))
      return {
        kind: 'site',
        places: [`${out}/client`],
        fallback: 'index',
        insteadOf: new RegExp(`\\b${serve}\\b`),
      }
    return { kind: 'server', command: `${serve} ./${out}/server/index.js` }
  },
})

const tanStack: Framework = {
  name: 'TanStack Start',
  packages: ['@tanstack/react-start', '@tanstack/solid-start'],
  build: 'vite build',
  makes({ tree, pkg }) {
    if (has(pkg, 'nitro') || has(pkg, 'vinxi') || configText(tree, 'vite.config').includes('nitro')) return nitro()
    return { kind: 'server', command: 'srvx --prod -s ../client dist/server/server.js' }
  },
}

const nest: Framework = {
  name: 'NestJS',
  packages: ['@nestjs/core'],
  build: 'nest build',
  makes({ tree, pkg }) {
    const project = /"root"\s*:\s*"apps\/([\w-]+)"/.exec(tree.read('nest-cli.json') ?? '')?.[1]
    const told = /\bnode (?:dist\/)?[\w./-]+/.exec(pkg.scripts['start:prod'] ?? '')?.[0]
    return {
      kind: 'server',
      command: told ?? `node dist/${project === undefined ? '' : `apps/${project}/`}main`,
      // the Nest CLI is for development, and would build again
      insteadOf: /^nest start\b/,
    }
  },
}

/** What an adapter makes of it: `npm run qwik add` writes one below adapters/. */
const qwikCity: Framework = {
  name: 'Qwik City',
  packages: ['@builder.io/qwik-city', '@qwik.dev/router'],
  build: 'qwik build',
  makes({ tree }) {
    const server = ['express', 'fastify', 'node-server'].find((one) => tree.hasDirectory(`adapters/${one}`))
    if (server !== undefined) return { kind: 'server', command: `node server/entry.${server}` }
    if (tree.hasDirectory('adapters/static')) return { kind: 'site', places: ['dist'], fallback: 'none' }
    throw new BerthError(
      'invalid',
      'Qwik City makes neither a server nor a site: no adapter for one is in adapters/',
      'run `npm run qwik add express` for a server, or `npm run qwik add static` for a site, and commit what it writes',
    )
  },
}

/** Angular by Vite and Nitro. */
const analog: Framework = {
  name: 'Analog',
  packages: ['@analogjs/platform'],
  build: 'vite build',
  makes: () =>
    nitro({
      command: 'node dist/analog/server/index.mjs',
      insteadOf: /^node dist\/analog\/server\/index\.mjs/,
      output: { from: 'dist/analog', to: 'dist/analog' },
    }),
}

/** Those whose apps may be servers, in the order in which they are looked for. */
export const serverFrameworks: readonly Framework[] = [
  next,
  nuxt,
  svelteKit,
  astro,
  reactRouter('Remix', ['@remix-run/dev'], 'remix-serve'),
  reactRouter('React Router', ['@react-router/dev'], 'react-router-serve'),
  tanStack,
  { name: 'SolidStart', packages: ['@solidjs/start'], build: 'vinxi build', makes: () => nitro() },
  nest,
  qwikCity,
  analog,
  angular,
  { name: 'Nitro', packages: ['nitropack', 'nitro'], build: 'nitro build', makes: () => nitro() },
]
