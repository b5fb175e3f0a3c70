import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../errors.js'
import { orMissing } from '../system/missing.js'

/** One archive that Debian packages come from, as sources.list(5) has it. */
export interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly components: readonly string[]
}

/** Debian's own key ring: an entry signed with another is somebody else's archive. */
const keyring = /debian-archive/

/**
 * The host's own Debian archives that carry one of the suites, from `/etc/apt`: one-line and deb822 files.
 * @throws EngineError `missing` when the release itself is in none of them
 */
export async function readAptSources(directory: string, release: string): Promise<AptSource[]> {
  const suites = [release, `${release}-updates`, `${release}-security`]
  const parts = await readdir(join(directory, 'sources.list.d')).catch(orMissing([] as string[]))
  const files = ['sources.list', ...parts.sort().map((name) => join('sources.list.d', name))]
  const found: AptSource[] = []
  for (const name of files) {
    if (!/\.(list|sources)$/.test(name)) continue
    const text = await readFile(join(directory, name), 'utf8').catch(orMissing(''))
    const sources = name.endsWith('.list') ? parseOneLine(text) : parseDeb822(text)
    for (const source of sources) {
      const known = found.some(({ uri, suite }) => uri === source.uri && suite === source.suite)
      if (suites.includes(source.suite) && source.components.includes('main') && !known)
        found.push({ ...source, components: ['main'] })
    }
  }
  if (!found.some(({ suite }) => suite === release))
    throw new EngineError(
      'missing',
      `no Debian ${release} archive in ${directory}: debian:${release}-slim is made from the host's own apt sources`,
    )
  return found
}

/** `deb [options] uri suite component…` */
export function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', uri, suite, rest = ''] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line) ?? []
    if (uri === undefined || suite === undefined || isForeign(/signed-by=(\S+)/.exec(options)?.[1])) return []
    return [{ uri, suite, components: rest.trim().split(/\s+/) }]
  })
}

/** Stanzas of fields, as deb822(5). */
export function parseDeb822(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>()
    let last = ''
    for (const line of stanza.split('\n').filter((line) => !line.startsWith('#'))) {
      const [, name, value = ''] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? []
      if (name !== undefined) fields.set((last = name.toLowerCase()), value)
      else if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`)
    }
    const list = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean)
    if (fields.get('enabled') === 'no' || !list('types').includes('deb') || isForeign(fields.get('signed-by')))
      return []
    return list('uris').flatMap((uri) =>
      list('suites').map((suite) => ({ uri, suite, components: list('components') })),
    )
  })
}

/** The sources in deb822 form, for an image's own /etc/apt. */
export const formatDeb822 = (sources: readonly AptSource[]): string =>
  sources
    .map(
      ({ uri, suite, components }) =>
        `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${components.join(' ')}\n` +
        `Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`,
    )
    .join('\n')

const isForeign = (signedBy: string | undefined): boolean =>
  signedBy !== undefined && signedBy !== '' && !keyring.test(signedBy)
