import type { Tree } from '../tree.js'
import { readBuildFiles } from './build-files.js'
import { isProgram, type DeclaredProject } from './cmake.js'

/** Reads meson.build and those of the folders that it takes in. Pure text: what Meson would compute is not seen. */
export function readMeson(tree: Tree): DeclaredProject {
  const text = readBuildFiles(tree, {
    file: 'meson.build',
    plain: (text) => text.replace(/#.*/g, ''),
    folders: (text) => [...text.matchAll(/\bsubdir\s*\(\s*'([\w./-]+)'/g)].map(([, below = '']) => below),
  })
  const name = /\bproject\s*\(\s*'([\w.+-]+)'/.exec(text)?.[1] ?? 'app'
  const named = text.replace(/\bmeson\.project_name\s*\(\s*\)/g, `'${name}'`)
  const programs = [...named.matchAll(/\bexecutable\s*\(\s*'([^'\n]+)'/g)]
    .map(([, target = '']) => target)
    .filter(isProgram)
  return { tool: 'Meson', name, text, programs: [...new Set(programs)], installs: /\binstall\s*:\s*true\b/.test(text) }
}
