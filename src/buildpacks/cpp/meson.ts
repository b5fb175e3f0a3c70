import { posix } from 'node:path'
import type { Tree } from '../tree.js'
import { isProgram, type DeclaredProject } from './cmake.js'

/** So many meson.build are read. */
const most = 100

/** Reads meson.build and those of the folders that it takes in. Pure text: what Meson would compute is not seen. */
export function readMeson(tree: Tree): DeclaredProject {
  const texts: string[] = []
  const seen = new Set<string>()
  const waiting = ['.']
  for (let directory = waiting.shift(); directory !== undefined && seen.size < most; directory = waiting.shift()) {
    if (seen.has(directory)) continue
    seen.add(directory)
    const text = (tree.read(posix.join(directory, 'meson.build')) ?? '').replace(/#.*/g, '')
    texts.push(text)
    for (const [, below = ''] of text.matchAll(/\bsubdir\s*\(\s*'([\w./-]+)'/g))
      waiting.push(posix.join(directory, below))
  }
  const text = texts.join('\n')
  const name = /\bproject\s*\(\s*'([\w.+-]+)'/.exec(text)?.[1] ?? 'app'
  const named = text.replace(/\bmeson\.project_name\s*\(\s*\)/g, `'${name}'`)
  const programs = [...named.matchAll(/\bexecutable\s*\(\s*'([^'\n]+)'/g)]
    .map(([, target = '']) => target)
    .filter(isProgram)
  return { tool: 'Meson', name, text, programs: [...new Set(programs)], installs: /\binstall\s*:\s*true\b/.test(text) }
}
