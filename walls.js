/** Prints which room of `src` imports which, and fails when files or rooms import each other in a circle. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, 'src')

/** Every file of `src` with the files it imports, types too. */
function readImports() {
  const files = readdirSync(root, { recursive: true }).filter((file) => file.endsWith('.ts'))
  return new Map(
    files.map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'))
      const imported = importedFiles
        .filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => join(dirname(file), fileName).replace(/\.js$/, '.ts'))
      return [file, new Set(imported)]
    }),
  )
}

/** `api` of `api/handlers/apps.ts`, `engine/build` of `engine/build/copy.ts`; a file that is in no room is one itself. */
const roomOf = (file) => {
  const names = file.split('/')
  const depth = names[0] === 'engine' ? 2 : 1
  return names.slice(0, depth).join('/')
}

/** The same by room. */
function byRoom(imports) {
  const rooms = new Map()
  for (const [file, imported] of imports) {
    const known = rooms.get(roomOf(file)) ?? new Set()
    for (const other of imported) if (roomOf(other) !== roomOf(file)) known.add(roomOf(other))
    rooms.set(roomOf(file), known)
  }
  return rooms
}

/** One circle for each group of nodes that reach each other: `a b c` where a imports b, b c and c a. */
function circlesIn(graph) {
  const done = new Set()
  const circles = []
  const visit = (node, path) => {
    const at = path.indexOf(node)
    if (at >= 0) circles.push(path.slice(at))
    if (at >= 0 || done.has(node)) return
    for (const next of graph.get(node) ?? []) visit(next, [...path, node])
    done.add(node)
  }
  for (const node of graph.keys()) visit(node, [])
  return circles
}

const imports = readImports()
const rooms = byRoom(imports)
for (const [room, known] of [...rooms].sort(([a], [b]) => a.localeCompare(b))) {
  const others = [...known].filter((other) => !other.endsWith('.ts')).sort()
  if (others.length > 0) console.log(`${room.padEnd(20)} -> ${others.join(', ')}`)
}
const circles = [...circlesIn(imports), ...circlesIn(rooms)]
for (const circle of circles) console.error(`circle: ${[...circle, circle[0]].join(' -> ')}`)
console.log(`${imports.size} files, ${circles.length} circles`)
process.exitCode = circles.length > 0 ? 1 : 0
