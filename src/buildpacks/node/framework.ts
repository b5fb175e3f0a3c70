import type { Tree } from '../tree.js'
import type { NodeApp } from './package-json.js'

/** A framework or bundler, by what it makes of an app. A record each in `frameworks.ts`, `site-frameworks.ts`. */
export interface Framework {
  /** For the log: "Vite". */
  readonly name: string
  /** Packages, any of which among an app's dependencies tells of it. */
  readonly packages: readonly string[]
  /** How it builds, where no script of the app says. */
  readonly build?: string
  /** What it makes of this app. @throws BerthError `invalid` for an app that it builds for another platform */
  makes(app: NodeApp): Made
}

/** What a build makes: a site, or a server. */
export type Made = MadeSite | MadeServer

/** Files that any web server can serve. */
export interface MadeSite {
  readonly kind: 'site'
  /** Where they may lie, the likeliest first. */
  readonly places: readonly string[]
  /** Whether the pages route in the browser: then a path that is no file is answered with index.html. */
  readonly fallback: 'index' | 'none'
  /** Start scripts that do not fit what this app builds, besides development servers. */
  readonly insteadOf?: RegExp
  readonly buildEnv?: Readonly<Record<string, string>>
}

/** A program that serves what was built. */
export interface MadeServer {
  readonly kind: 'server'
  /** Null where only the app's own start script can tell. */
  readonly command: string | null
  /** Start scripts that this is run instead of, besides development servers. */
  readonly insteadOf?: RegExp
  /** Whether it is no surprise to have it run instead: nothing is said. */
  readonly quiet?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly buildEnv?: Readonly<Record<string, string>>
  /** The folder that has all that `command` needs, node_modules included; the image gets it and nothing else. */
  readonly output?: {
    readonly from: string
    /** Where the image has it: below the app's folder. */
    readonly to: string
    /** What makes it whole, after the build. */
    readonly finish?: string
  }
}

/** Text of a configuration file that may end in several ways; '' where there is none. */
export function configText(tree: Tree, stem: string): string {
  const name = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((ending) => `${stem}.${ending}`).find((file) => tree.hasFile(file))
  // what is commented out is not said
  return name === undefined ? '' : (tree.read(name) ?? '').replace(/^\s*\/\/.*$/gm, '').replace(/\/\*[^]*?\*\//g, '')
}

/** The value that a configuration gives a key as a plain string: a folder, without `./`, a `/` at the end, or a way out. */
export function folderIn(text: string, key: string): string | null {
  const value = new RegExp(`\\b${key}['"]?\\s*[:=]\\s*['"\`]([^'"\`$]{1,200})['"\`]`).exec(text)?.[1]
  return value === undefined ? null : folder(value)
}

/** A path as a folder of the app: without `./` and a `/` at the end; null when it leads out of it. */
export function folder(path: string): string | null {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return path.startsWith('/') || parts.includes('..') || !/^[\w./@ -]+$/.test(path) ? null : parts.join('/') || '.'
}

/** The value of an option in the build script: `--outDir x`, `--outDir=x`. */
export function optionIn(script: string | undefined, option: string): string | null {
  const value = new RegExp(`--${option}[= ]["']?([\\w./@-]+)`).exec(script ?? '')?.[1]
  return value === undefined ? null : folder(value)
}

/** Without gaps and repetitions. */
export const places = (...all: readonly (string | null)[]): string[] => [
  ...new Set(all.filter((one): one is string => one !== null)),
]
