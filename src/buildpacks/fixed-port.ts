import { BerthError } from '../errors.js'
import type { Plan } from './buildpack.js'
import type { Tree } from './tree.js'

/** How a language's files end, and how they say on which port they listen on all addresses. */
interface Language {
  readonly source: RegExp
  readonly listens: readonly RegExp[]
}

const constant = /\bport\b\s*(?::\s*\w+\s*)?(?::?=|:)\s*(\d{2,5})\b/gi
const call = /\.(?:listen|start)\(\s*(\d{2,5})\b/g
const javascript: Language = { source: /\.[cm]?[jt]sx?$/, listens: [constant, call] }
const languages: Readonly<Record<string, Language>> = {
  go: { source: /(?<!_test)\.go$/, listens: [/"(?:0\.0\.0\.0|\[::\])?:(\d{2,5})"/g, constant] },
  rust: {
    source: /\.rs$/,
    listens: [
      /"(?:0\.0\.0\.0|\[::\]):(\d{2,5})"/g,
      /\[(?:0, ?){3}0\],\s*(\d{2,5})/g,
      /"0\.0\.0\.0",\s*(\d{2,5})/g,
      constant,
    ],
  },
  python: { source: /\.py$/, listens: [constant, call, /\(\(?\s*["'](?:0\.0\.0\.0)?["'],\s*(\d{2,5})/g] },
  java: {
    source: /\.(?:java|kt|scala)$/,
    listens: [
      constant,
      call,
      /\bport\(\s*(\d{2,5})\s*\)/g,
      /\b(?:Undertow|Jetty|Netty|InetSocketAddress)\(\s*(\d{2,5})\b/g,
    ],
  },
  nodejs: javascript,
  bun: javascript,
  cpp: { source: /\.(?:c|h|cc|cpp|cxx|hpp)$/, listens: [constant, /\.port\(\s*(\d{2,5})\s*\)/g] },
  elixir: { source: /\.exs?$/, listens: [constant] },
}
/** Where others listen, whom an app asks: their ports are not its own. */
const others = new Set([22, 25, 465, 587, 1433, 1883, 3306, 5432, 5672, 6379, 9042, 9092, 9200, 11_211, 27_017])
/** What looks up the port that it is told. */
const asks = /["'`]PORT["'`]|\benv(?:iron)?\b\W{0,3}PORT\b|\$\{?PORT\b/
/** Folders and files that are not what runs; a configuration of a tool names the port of that tool. */
const elsewhere =
  /^(?:.*\.config\..*|\..*|node_modules|vendor|tests?|__tests__|spec|docs?|examples?|dist|build|target|public|static|assets)$/

/** So many files are read, from the top down, none that is larger. */
const files = 60
const bytes = 256 * 1024

/**
 * A plan that says by EXPOSE where its web process listens, when that looks up no PORT and its source names one port alone:
 * then that is PORT. Where the guess is wrong, and PORT is taken after all, PORT has another value and nothing else changes.
 */
export function withFixedPort(plan: Plan, tree: Tree): Plan {
  const { web } = plan.processTypes
  const language = Object.hasOwn(languages, plan.buildpack) ? languages[plan.buildpack] : undefined
  if (language === undefined || typeof web !== 'string' || isTold(web) || /^EXPOSE /m.test(plan.dockerfile)) return plan
  const found = portIn(tree, language)
  if (found === null) return plan
  const at = plan.dockerfile.lastIndexOf('\nCMD ')
  if (at === -1) return plan
  const dockerfile = `${plan.dockerfile.slice(0, at)}\nEXPOSE ${String(found.port)}${plan.dockerfile.slice(at)}`
  const note = `${found.file} names port ${String(found.port)} and looks up no PORT: PORT is ${String(found.port)}`
  return { ...plan, dockerfile, port: found.port, notes: [...plan.notes, note] }
}

/** Whether a command says where to listen; what a class of Java is told so may not be what it reads. */
const isTold = (web: string): boolean =>
  /\bPORT\b/.test(/ -cp /.test(web) ? web.replace('-Dserver.port=$PORT', '') : web)

function portIn(tree: Tree, { source, listens }: Language): { file: string; port: number } | null {
  const found = new Map<number, string>()
  for (const file of sources(tree, source)) {
    const text = textOf(tree, file)
    if (asks.test(text)) return null
    for (const pattern of listens)
      for (const [, digits] of text.matchAll(pattern)) {
        const port = Number(digits)
        if (port < 65_536 && !others.has(port) && !found.has(port)) found.set(port, file)
      }
  }
  const [only] = found
  return only !== undefined && found.size === 1 ? { port: only[0], file: only[1] } : null
}

/** A file that is too large to start a server says nothing. */
function textOf(tree: Tree, file: string): string {
  try {
    return tree.read(file, bytes) ?? ''
  } catch (error) {
    if (error instanceof BerthError) return ''
    throw error
  }
}

/** The files of a language, from the top down. */
function sources(tree: Tree, source: RegExp): string[] {
  const found: string[] = []
  let level = ['.']
  for (let left = 6; left > 0 && level.length > 0 && found.length < files; left -= 1) {
    const paths = level.flatMap((path) =>
      tree
        .names(path)
        .filter((name) => !elsewhere.test(name))
        .map((name) => (path === '.' ? name : `${path}/${name}`)),
    )
    found.push(...paths.filter((path) => source.test(path) && tree.hasFile(path)))
    level = paths.filter((path) => tree.hasDirectory(path)).slice(0, 100)
  }
  return found.slice(0, files)
}
