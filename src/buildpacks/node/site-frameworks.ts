import type { Tree } from '../tree.js'
import { configText, folder, folderIn, optionIn, places, type Framework, type MadeSite } from './framework.js'
import { has, type NodeApp } from './package-json.js'

type Where = (app: NodeApp) => readonly (string | null)[]

const site = (
  [name, ...packages]: readonly [string, ...string[]],
  build: string,
  fallback: MadeSite['fallback'],
  where: Where,
): Framework => ({
  name,
  packages,
  build,
  makes: (app) => ({ kind: 'site', places: places(...where(app)), fallback }),
})

/** Whose pages are routed by a script: of these, a link to a page deep inside has no file of its own. */
const routers = /^(?:react|preact|vue|svelte|solid-js|lit|@angular\/core|mithril|ember-source|@builder\.io\/qwik)$/

function viteSite(app: NodeApp): MadeSite {
  const text = configText(app.tree, 'vite.config')
  const out = optionIn(app.pkg.scripts.build, 'outDir') ?? folderIn(text, 'outDir')
  const root = folderIn(text, 'root')
  const under = root === null || root === '.' ? null : folder(`${root}/${out ?? 'dist'}`)
  const all = [...Object.keys(app.pkg.dependencies), ...Object.keys(app.pkg.devDependencies)]
  const routes = all.some((name) => routers.test(name)) && folderIn(text, 'appType') !== 'mpa'
  return { kind: 'site', places: places(under, out, 'dist'), fallback: routes ? 'index' : 'none' }
}

/** webpack 4, as older versions of these have it, hashes with what OpenSSL 3 calls legacy. */
const legacy = { NODE_OPTIONS: '--openssl-legacy-provider' }
const major = (range: string | undefined): number => Number(/\d+/.exec(range ?? '')?.[0] ?? 99)
const rangeOf = ({ pkg }: NodeApp, name: string): string | undefined =>
  pkg.dependencies[name] ?? pkg.devDependencies[name]

const createReactApp: Framework = {
  name: 'Create React App',
  packages: ['react-scripts'],
  build: 'react-scripts build',
  makes: (app) => ({
    kind: 'site',
    places: places(/BUILD_PATH=["']?([\w./-]+)/.exec(app.pkg.scripts.build ?? '')?.[1] ?? null, 'build'),
    fallback: 'index',
    // warnings fail a build where CI is true
    buildEnv: { CI: 'false', ...(major(rangeOf(app, 'react-scripts')) < 5 ? legacy : {}) },
  }),
}

const vueCli: Framework = {
  name: 'Vue CLI',
  packages: ['@vue/cli-service'],
  build: 'vue-cli-service build',
  makes: (app) => ({
    kind: 'site',
    places: places(
      optionIn(app.pkg.scripts.build, 'dest'),
      folderIn(configText(app.tree, 'vue.config'), 'outputDir'),
      'dist',
    ),
    fallback: 'index',
    buildEnv: major(rangeOf(app, '@vue/cli-service')) < 5 ? legacy : {},
  }),
}

const vitePressRoot = ({ tree, pkg }: NodeApp): readonly (string | null)[] => {
  const script = pkg.scripts['docs:build'] ?? pkg.scripts.build
  const told = /vitepress build ([\w./-]+)/.exec(script ?? '')?.[1]
  const root = told ?? (tree.hasDirectory('docs/.vitepress') ? 'docs' : '.')
  return [folder(`${root}/.vitepress/dist`), 'docs/.vitepress/dist', '.vitepress/dist']
}

const eleventyOutput = (tree: Tree): string | null =>
  folderIn(configText(tree, 'eleventy.config') + configText(tree, '.eleventy'), 'output')

/** Those that make sites only. Vite comes last: most of the others are built on it. */
export const siteFrameworks: readonly Framework[] = [
  createReactApp,
  vueCli,
  site(['Docusaurus', '@docusaurus/core'], 'docusaurus build', 'none', ({ pkg }) => [
    optionIn(pkg.scripts.build, 'out-dir'),
    'build',
  ]),
  site(['Gatsby', 'gatsby'], 'gatsby build', 'none', () => ['public']),
  site(['Eleventy', '@11ty/eleventy'], 'eleventy', 'none', ({ pkg, tree }) => [
    optionIn(pkg.scripts.build, 'output'),
    eleventyOutput(tree),
    '_site',
  ]),
  site(['VitePress', 'vitepress'], 'vitepress build', 'none', vitePressRoot),
  site(['VuePress', 'vuepress'], 'vuepress build', 'none', () => [
    'docs/.vuepress/dist',
    '.vuepress/dist',
    'src/.vuepress/dist',
  ]),
  site(['Hexo', 'hexo'], 'hexo generate', 'none', () => ['public']),
  site(['Ember', 'ember-cli'], 'ember build --environment=production', 'index', () => ['dist']),
  site(['Expo', 'expo'], 'expo export --platform web', 'index', () => ['dist']),
  site(['Rsbuild', '@rsbuild/core'], 'rsbuild build', 'index', ({ tree }) => [
    folderIn(configText(tree, 'rsbuild.config'), 'root'),
    'dist',
  ]),
  { name: 'Vite', packages: ['vite', 'rolldown-vite'], build: 'vite build', makes: viteSite },
  site(['Parcel', 'parcel'], 'parcel build', 'index', ({ pkg }) => [optionIn(pkg.scripts.build, 'dist-dir'), 'dist']),
]

/** What a build script makes that is of no framework known. */
export function unknownSite({ tree, pkg }: NodeApp): MadeSite {
  const made = ['dist', 'build', 'out', '_site', '.output/public', 'public', 'docs', 'www', 'site']
  // what is in git already is what it is made from, or what a build was left in
  return {
    kind: 'site',
    places: made.filter((place) => place === 'dist' || place === 'build' || !tree.hasFile(`${place}/index.html`)),
    fallback: has(pkg, 'react') || has(pkg, 'vue') || has(pkg, 'svelte') || has(pkg, 'preact') ? 'index' : 'none',
  }
}
