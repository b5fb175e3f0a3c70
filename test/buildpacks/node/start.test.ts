import { expect } from 'chai'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const build = { build: 'vite build' }

/** What is served, and what is said; the places in which the build's last step looks. */
function servedOf(files: Files): { places: string; fallback: boolean; notes: string } {
  const { dockerfile, notes, processTypes } = planOf(files)
  expect(processTypes.web).to.equal('serve-site')
  expect(dockerfile).to.include('from=build,source=/tmp/site,target=/mnt/site ["install-site"')
  const places = /for place in (.*?); do/.exec(dockerfile)?.[1] ?? ''
  return { places, fallback: dockerfile.includes('yes /index.html;'), notes: notes.join('\n') }
}

const app = (dependencies: object, scripts: object = build, more: object = {}): string =>
  pkg({ scripts, devDependencies: dependencies, ...more })

describe('a front end', () => {
  it('is built and served from where its build makes it, which is said', () => {
    const { places, fallback, notes } = servedOf({ 'package.json': app({ vite: '8', react: '19' }) })
    expect([places, fallback]).to.deep.equal(['dist', true])
    expect(notes).to.include('Built with Vite; serving dist/')
  })

  const angular = (options: object): string =>
    JSON.stringify({
      projects: {
        shop: { projectType: 'application', architect: { build: { options } } },
        ui: { projectType: 'library' },
      },
    })

  for (const [name, files, places, fallback] of [
    ['Vite without a framework', { 'package.json': app({ vite: '8' }) }, 'dist', false],
    [
      'Vite, by --outDir',
      { 'package.json': app({ vite: '8' }, { build: 'vite build --outDir web' }) },
      'web dist',
      false,
    ],
    [
      'Vite, by its configuration',
      { 'package.json': app({ vite: '8' }), 'vite.config.ts': "// outDir: 'no'\nbuild: { outDir: './public/' }" },
      'public dist',
      false,
    ],
    [
      'Vite, with a root',
      { 'package.json': app({ vite: '8' }), 'vite.config.js': "root: 'src'" },
      'src/dist dist',
      false,
    ],
    ['Create React App', { 'package.json': app({ 'react-scripts': '5' }), 'public/index.html': '' }, 'build', true],
    ['Vue CLI', { 'package.json': app({ '@vue/cli-service': '5' }) }, 'dist', true],
    ['Docusaurus', { 'package.json': app({ '@docusaurus/core': '3' }) }, 'build', false],
    ['Gatsby', { 'package.json': app({ gatsby: '5' }) }, 'public', false],
    ['Eleventy', { 'package.json': app({ '@11ty/eleventy': '3' }, { build: 'eleventy' }) }, '_site', false],
    ['Astro', { 'package.json': app({ astro: '7' }) }, 'dist', false],
    [
      'Angular',
      { 'package.json': app({ '@angular/core': '22' }), 'angular.json': angular({}) },
      'dist/shop/browser dist/shop',
      true,
    ],
    [
      'Angular, by its output path',
      {
        'package.json': app({ '@angular/core': '22' }),
        'angular.json': angular({ outputPath: { base: 'out', browser: '' } }),
      },
      'out',
      true,
    ],
    [
      'Next.js that exports',
      { 'package.json': app({ next: '16' }), 'next.config.mjs': "output: 'export'" },
      'out',
      false,
    ],
    [
      'Nuxt that generates',
      { 'package.json': app({ nuxt: '4' }, { build: 'nuxt generate' }) },
      '.output/public dist',
      false,
    ],
    [
      'SvelteKit with a page for all paths',
      {
        'package.json': app({ '@sveltejs/kit': '2', vite: '8' }),
        'svelte.config.js': "import a from '@sveltejs/adapter-static'\na({ fallback: '200.html' })",
      },
      'build',
      true,
    ],
    [
      'React Router without a server, whatever its start script says',
      {
        'package.json': app(
          { '@react-router/dev': '8' },
          { build: 'react-router build', start: 'react-router-serve ./build/server/index.js' },
        ),
        'react-router.config.ts': 'ssr: false',
      },
      'build/client',
      true,
    ],
    [
      'VitePress in docs/',
      { 'package.json': app({ vitepress: '2' }, { 'docs:build': 'vitepress build docs' }) },
      'docs/.vitepress/dist .vitepress/dist',
      false,
    ],
    [
      'a build script of its own',
      { 'package.json': app({}, { build: 'node make.js' }) },
      'dist build out _site .output/public public docs www site',
      false,
    ],
  ] as const)
    it(`made with ${name} is served from ${places}`, () => {
      const found = servedOf(files)
      expect([found.places, found.fallback]).to.deep.equal([places, fallback])
    })

  it('is not run by its development server, which is said', () => {
    const scripts = { start: 'react-scripts start', build: 'react-scripts build' }
    const { notes } = servedOf({ 'package.json': app({ 'react-scripts': '5' }, scripts) })
    expect(notes).to.include('`react-scripts start` is not run: it is a development server')
    const hidden = { dev: 'vite', start: 'npm run dev', build: 'vite build' }
    expect(servedOf({ 'package.json': app({ vite: '8' }, hidden) }).notes).to.include('is not run')
  })

  it('is built by its framework where no script does', () => {
    const { dockerfile } = planOf({ 'package.json': app({ vite: '8' }, { start: 'vite' }) })
    expect(dockerfile).to.include(' vite build && for place in dist;')
  })

  it('is run where something else than a development server starts it', () => {
    const types = (scripts: object, more: Files = {}) =>
      planOf({ 'package.json': app({ vite: '8' }, scripts), ...more }).processTypes.web
    expect(types({ ...build, start: 'serve -s dist' })).to.equal('serve -s dist')
    expect(types(build, { 'server.js': '' })).to.equal('node server.js')
    expect(types({ ...build, start: 'concurrently "vite" "node api.js"' })).to.include('concurrently')
    expect(types(build, { Procfile: 'web: node x.js' })).to.equal('node x.js')
  })

  it('of several applications is told to name one', () => {
    const projects = { a: { projectType: 'application' }, b: { projectType: 'application' } }
    const files = {
      'package.json': app({ '@angular/core': '22' }, { build: 'ng build' }),
      'angular.json': JSON.stringify({ projects }),
    }
    expect(complaintOf(files)).to.include('several applications: a, b')
  })
})

describe('a server that a framework builds', () => {
  for (const [name, files, web, env] of [
    ['Next.js', { 'package.json': app({ next: '16' }) }, 'next start', 'HOSTNAME=0.0.0.0'],
    [
      'Next.js by its start script',
      { 'package.json': app({ next: '16' }, { ...build, start: 'next start' }) },
      'next start',
      'HOSTNAME=0.0.0.0',
    ],
    [
      'Next.js for development',
      { 'package.json': app({ next: '16' }, { ...build, start: 'next dev' }) },
      'next start',
      'HOSTNAME',
    ],
    ['Nuxt', { 'package.json': app({ nuxt: '4' }) }, 'node .output/server/index.mjs', 'NITRO_HOST=0.0.0.0'],
    [
      'SvelteKit',
      {
        'package.json': app({ '@sveltejs/kit': '2', vite: '8' }),
        'vite.config.ts': "import a from '@sveltejs/adapter-auto'",
      },
      'node build',
      'PROTOCOL_HEADER=x-forwarded-proto',
    ],
    [
      'Astro',
      { 'package.json': app({ astro: '7' }), 'astro.config.mjs': "import node from '@astrojs/node'" },
      'node dist/server/entry.mjs',
      'HOST=0.0.0.0',
    ],
    [
      'React Router',
      { 'package.json': app({ '@react-router/dev': '8' }) },
      'react-router-serve ./build/server/index.js',
      'HOST=0.0.0.0',
    ],
    [
      'NestJS',
      { 'package.json': app({ '@nestjs/core': '12' }, { build: 'nest build', start: 'nest start' }) },
      'node dist/main',
      'HOST=0.0.0.0',
    ],
    [
      'TanStack Start',
      { 'package.json': app({ '@tanstack/react-start': '1', nitro: '3', vite: '8' }) },
      'node .output/server/index.mjs',
      'NITRO_HOST',
    ],
    [
      'Angular',
      {
        'package.json': app({ '@angular/core': '22' }),
        'angular.json': JSON.stringify({ projects: { x: { architect: { build: { options: { ssr: {} } } } } } }),
      },
      'node dist/x/server/server.mjs',
      'HOST=0.0.0.0',
    ],
    [
      'SolidStart',
      { 'package.json': app({ '@solidjs/start': '1' }, { build: 'vinxi build', start: 'vinxi start' }) },
      'node .output/server/index.mjs',
      'NITRO_HOST',
    ],
    [
      'Analog',
      { 'package.json': app({ '@analogjs/platform': '2', '@angular/core': '20' }, { ...build, start: 'vite' }) },
      'node dist/analog/server/index.mjs',
      'NITRO_HOST',
    ],
    ['Nitro', { 'package.json': app({ nitropack: '2' }) }, 'node .output/server/index.mjs', 'NITRO_HOST'],
    [
      'Qwik City',
      {
        'package.json': app({ '@builder.io/qwik-city': '1' }, { build: 'qwik build', start: 'vite --mode ssr' }),
        'adapters/express/vite.config.ts': '',
      },
      'node server/entry.express',
      'HOST=0.0.0.0',
    ],
    [
      'what main says, which is built',
      { 'package.json': app({}, build, { main: 'dist/server.js' }) },
      'node dist/server.js',
      'HOST',
    ],
  ] as const)
    it(`of ${name} is started by ${web}`, () => {
      const { processTypes, dockerfile } = planOf(files)
      expect(processTypes.web).to.equal(web)
      expect(dockerfile.split('\n\n').at(-1)).to.include(env)
    })

  it('gets into the image alone where that is all it needs', () => {
    const nuxt = planOf({ 'package.json': app({ nuxt: '4' }) }).dockerfile
    expect(nuxt).to.include('COPY --from=build --chown=node:node /app/.output /app/.output').and.not.to.include('prune')
    const config = { 'next.config.ts': "output: 'standalone'", 'public/x.png': '' }
    const next = planOf({ 'package.json': app({ next: '16' }, { ...build, start: 'next start' }), ...config })
    expect(next.dockerfile)
      .to.include('cp -r .next/static .next/standalone/.next/ && cp -r public .next/standalone/')
      .and.to.include('COPY --from=build --chown=node:node /app/.next/standalone /app')
    expect(next.processTypes.web).to.equal('node server.js')
  })

  for (const [line, run] of [
    ['next start -p 3000', 'next start -p $PORT'],
    ['NODE_ENV=production npx serve -s build -l 8080', 'NODE_ENV=production npx serve -s build -l $PORT'],
    ['http-server dist --port=8080 -c-1', 'http-server dist --port=$PORT -c-1'],
    ['next start', 'next start'],
    ['next start -p $PORT', 'next start -p $PORT'],
    ['node server.js -p 3000', 'node server.js -p 3000'],
    ['node migrate.js && next start -p 3000', 'node migrate.js && next start -p $PORT'],
  ] as const)
    it(`started by \`${line}\` listens where it is looked for`, () => {
      const { processTypes, notes } = planOf({ 'package.json': app({ next: '15' }, { ...build, start: line }) })
      expect(processTypes.web).to.equal(run)
      expect(notes.join().includes('names a port')).to.equal(line !== run)
    })

  it('of Qwik City is refused where it has no adapter, and a site where that is static', () => {
    const qwik = { 'package.json': app({ '@builder.io/qwik-city': '1' }, { build: 'qwik build', start: 'vite' }) }
    expect(complaintOf(qwik)).to.include('no adapter').and.to.include('npm run qwik add express')
    expect(planOf({ ...qwik, 'adapters/static/vite.config.ts': '' }).notes.join()).to.include('serving dist/')
  })

  it('for another platform is refused', () =>
    expect(
      complaintOf({
        'package.json': app({ '@sveltejs/kit': '2' }),
        'svelte.config.js': "from '@sveltejs/adapter-vercel'",
      }),
    ).to.include('adapter-vercel'))
})
