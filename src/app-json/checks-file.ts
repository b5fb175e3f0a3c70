import { SourceError } from '../buildpacks/source-error.js'
import type { Tree } from '../buildpacks/tree.js'
import { CheckFields, faultOf, mostChecks, type DeclaredCheck } from '../store/checks.js'

const file = 'CHECKS'
/** More than any has, in bytes. */
const longest = 64 * 1024

const limits = { WAIT: 'wait', TIMEOUT: 'timeout', ATTEMPTS: 'attempts' } as const

/** The startup checks of `web` in a `CHECKS` file, Dokku's way before app.json had them. */
export interface ChecksFile {
  readonly checks: readonly DeclaredCheck[]
  /** What is passed over, a line each. */
  readonly notes: readonly string[]
}

/**
 * Reads an app's `CHECKS`; null where there is none: lines `WAIT=5`, `TIMEOUT=30`, `ATTEMPTS=5`, and then a path each, perhaps
 * after `//host` or `http://host`, and what the page has to contain.
 * @throws SourceError at the first line that is none of these
 */
export function readChecksFile(tree: Tree): ChecksFile | null {
  const text = tree.read(file, longest)
  if (text === null) return null
  const timing = { wait: 5, timeout: 30, attempts: 5 }
  const pages: { readonly fields: CheckFields; readonly line: number }[] = []
  const notes: string[] = []
  for (const [at, whole] of text.split('\n').entries()) {
    const line = whole
      .trimEnd()
      .replace(/(?:^|\s)#.*$/, '')
      .trim()
    if (line === '') continue
    const [, name, value = ''] = /^(WAIT|TIMEOUT|ATTEMPTS)\s*=\s*(.*)$/.exec(line) ?? []
    if (line.includes('{{'))
      notes.push(`${file}:${at + 1} is passed over, for templates are not filled in: use \`berth checks:set path=…\``)
    else if (name === undefined) pages.push({ fields: pageOf(line), line: at + 1 })
    else timing[limits[name as keyof typeof limits]] = Number(value)
  }
  const checks = pages.map(({ fields, line }): DeclaredCheck => {
    const parsed = CheckFields.safeParse({ ...fields, ...timing })
    const [issue] = parsed.error?.issues ?? []
    const fault = parsed.success
      ? faultOf(parsed.data)
      : `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim()
    if (parsed.success && fault === null) return { ...parsed.data, phase: 'startup', file }
    throw new SourceError(
      { file, line, column: 1 },
      fault ?? '',
      `correct ${file}, or move it to app.json, and push again`,
    )
  })
  const extra = pages[mostChecks]
  if (extra) throw new SourceError({ file, line: extra.line, column: 1 }, `at most ${mostChecks} checks`)
  return {
    checks,
    notes: [`${file} is read as startup checks of web; app.json has a place for them, "healthchecks"`, ...notes],
  }
}

function pageOf(line: string): CheckFields {
  const address = line.replace(/\s.*$/, '')
  const content = line.slice(address.length).trim()
  const [, scheme, host, path] = /^(?:(https?):)?\/\/([^/]+)(\/.*)?$/.exec(address) ?? []
  return {
    path: host === undefined ? address : (path ?? '/'),
    ...(scheme === 'https' ? { scheme } : {}),
    ...(host === undefined ? {} : { headers: { Host: host } }),
    ...(content === '' ? {} : { content }),
  }
}
