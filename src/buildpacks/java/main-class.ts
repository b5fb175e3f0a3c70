import type { Tree } from '../tree.js'

/** So many files and directories are looked into: a main class lies near the top. */
const looks = 600

/** The classes of a module that have a `main`, by their names as the JVM takes them. */
export function mainClasses(tree: Tree, directory: string): readonly string[] {
  const at = directory === '.' ? '' : `${directory}/`
  const open = ['java', 'kotlin', 'scala'].map((language) => `${at}src/main/${language}`)
  const found: string[] = []
  let looked = 0
  for (let path = open.shift(); path !== undefined && looked < looks; path = open.shift())
    for (const name of tree.names(path)) {
      if ((looked += 1) > looks) break
      const file = `${path}/${name}`
      if (/\.(?:java|kt|scala)$/.test(name)) found.push(...mainsOf(textOf(tree, file), name))
      else if (tree.hasDirectory(file)) open.push(file)
    }
  return [...new Set(found)]
}

function mainsOf(text: string, file: string): string[] {
  const plain = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const inside = /^\s*package\s+([\w.]+)/m.exec(plain)?.[1]
  const name = file.replace(/\.\w+$/, '')
  const full = (one: string): string => (inside === undefined ? one : `${inside}.${one}`)
  if (file.endsWith('.java'))
    return /\bstatic\s+(?:final\s+)?void\s+main\s*\(|\bvoid\s+static\s+main\s*\(/.test(plain) ? [full(name)] : []
  if (file.endsWith('.kt')) {
    const top = /^fun\s+main\s*\(/m.test(plain)
    const jvmStatic = /@JvmStatic\s+(?:fun)\s+main\s*\(/.test(plain)
    return [
      ...(top ? [full(`${name.slice(0, 1).toUpperCase()}${name.slice(1)}Kt`)] : []),
      ...(jvmStatic ? [full(name)] : []),
    ]
  }
  const objects = [
    ...plain.matchAll(
      /\bobject\s+(\w+)(\s+extends\s+(?:[\w.]+\s+with\s+)*(?:App|IOApp(?:\.Simple)?|ZIOAppDefault)\b)?/g,
    ),
  ]
  const hasMain = /\bdef\s+main\s*\(\s*\w+\s*:\s*Array\[/.test(plain)
  const annotated = [...plain.matchAll(/^@main\s+def\s+(\w+)/gm)].map(([, one = '']) => one)
  const apps = objects.filter(([, , extending]) => extending !== undefined || hasMain).map(([, one = '']) => one)
  return [...apps, ...annotated].map(full)
}

/** What is too large to be read is generated, and no program's beginning. */
function textOf(tree: Tree, path: string): string {
  try {
    return tree.read(path) ?? ''
  } catch {
    return ''
  }
}

/** The one of several that is called what a program is called; undefined where that leaves none, or several. */
export function usualMain(names: readonly string[]): string | undefined {
  if (names.length <= 1) return names[0]
  const usual = names.filter((name) =>
    /(?:^|\.)(?:Main|MainKt|App|AppKt|Application|ApplicationKt|Server|ServerKt)$/.test(name),
  )
  return usual.length === 1 ? usual[0] : undefined
}
