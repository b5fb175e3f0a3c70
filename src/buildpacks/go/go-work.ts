import type { Tree } from '../tree.js'
import { readGoMod, type GoMod } from './go-mod.js'

/** What a go.work says. */
export interface GoWork {
  /** The `go` and `toolchain` lines. */
  readonly go?: string
  readonly toolchain?: string
  /** The directories below that it uses: `api`. */
  readonly directories: readonly string[]
  /** What the modules there say, those that are pushed. */
  readonly mods: readonly GoMod[]
}

/** Reads a go.work; null where there is none. @throws SourceError where a module that it uses names none */
export function readGoWork(tree: Tree): GoWork | null {
  const text = tree.read('go.work')?.replaceAll(/\/\/.*/g, '')
  if (text === undefined) return null
  const said = (verb: string): string | undefined => new RegExp(`^\\s*${verb}\\s+(\\S+)\\s*$`, 'm').exec(text)?.[1]
  const uses = text.matchAll(/^\s*(?:use\s+)?"?(\.\/[\w./-]+)"?\s*$/gm)
  const directories = [...uses].map(([, directory = '']) => directory.slice(2).replace(/\/$/, ''))
  const [go, toolchain] = [said('go'), said('toolchain')]
  const manifests = directories.map((one) => `${one}/go.mod`).filter((file) => tree.hasFile(file))
  return {
    directories,
    mods: manifests.map((file) => readGoMod(tree, file)),
    ...(go === undefined ? {} : { go }),
    ...(toolchain === undefined ? {} : { toolchain }),
  }
}
