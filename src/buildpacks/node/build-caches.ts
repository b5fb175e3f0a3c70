import { resolved } from './commands.js'
import { configText, folderIn } from './framework.js'
import { has, type NodeApp } from './package-json.js'

/** What a tool keeps from one build for the next, by its package; folders of the app. */
const kept: readonly (readonly [string, (app: NodeApp) => string])[] = [
  ['next', ({ tree }) => `${folderIn(configText(tree, 'next.config'), 'distDir') ?? '.next'}/cache`],
  ['astro', () => 'node_modules/.astro'],
  ['@angular/core', () => '.angular/cache'],
  ['parcel', () => '.parcel-cache'],
  ['@11ty/eleventy', () => '.cache'],
  ...['nuxt', 'webpack', 'react-scripts', '@vue/cli-service', '@docusaurus/core', '@rsbuild/core'].map(
    (name) => [name, () => 'node_modules/.cache'] as const,
  ),
]
/** A folder that is mounted cannot be taken away, which is what these may do. */
const takesAway = /(?:^|[/:-])(?:rm|rimraf|del|clean|clear|cleanup|ci|install|i)(?:$|[:-])/

/**
 * The folders that a build finds as the last one left them, which are in no image. What Turborepo and Nx keep is not
 * among them: it stands for a build with other config vars too, where nobody has declared them.
 */
export function buildCaches(app: NodeApp, build: string | null): readonly string[] {
  if (build === null) return []
  const { scripts } = app.pkg
  const around = Object.entries(scripts).filter(([name]) => /^(?:pre|post)build$/.test(name))
  const commands = [build, ...around.map(([, line]) => line)].flatMap((line) => resolved(line, scripts))
  if (commands.some(({ program, args }) => [program, ...args].some((word) => takesAway.test(word)))) return []
  const places = kept.flatMap(([name, place]) => (has(app.pkg, name) ? [place(app)] : []))
  return [...new Set(places)].map((place) => (app.directory === '.' ? place : `${app.directory}/${place}`))
}
