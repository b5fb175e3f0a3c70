import { masked, secretsOf } from '../../lib/mask.js'
import { orMissing } from '../../lib/missing.js'
import type { App } from '../../store/apps.js'
import type { Store } from '../../store/store.js'

/** A log that is followed knows the secrets of a new release after so long; no process starts sooner. Milliseconds. */
const freshMs = 200

/** An app's log without the secrets of its config vars: of what runs, and of the release that is about to. */
export async function* maskedLog<Line extends { readonly text: string }>(
  { releases }: Pick<Store, 'releases'>,
  app: App,
  lines: AsyncIterable<Line>,
): AsyncGenerator<Line, void> {
  let known = new Map<number, readonly string[]>()
  const secretsIn = async (version: number): Promise<readonly string[]> => {
    const release = await releases.get(app.id, version).catch(orMissing(null))
    return release === null ? [] : secretsOf(release.config, release.reach)
  }
  let [secrets, looked]: [readonly string[], number] = [[], -Infinity]
  for await (const line of lines) {
    if (performance.now() - looked > freshMs) {
      looked = performance.now()
      const last = (await releases.nextVersion(app.id)) - 1
      const versions = [...new Set([app.current, last, ...known.keys()])].slice(-3)
      const read = versions.map(async (version) => [version, known.get(version) ?? (await secretsIn(version))] as const)
      known = new Map(await Promise.all(read))
      secrets = [...new Set([...known.values()].flat())].sort((a, b) => b.length - a.length)
    }
    yield secrets.length === 0 ? line : { ...line, text: masked(line.text, secrets) }
  }
}
