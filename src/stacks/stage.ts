import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sha256 } from '../config.js'
import { debianImage, usualRelease } from './debian/releases.js'
import { lineOf, partsLabel, type Stack } from './stack.js'

/** A stage that plans say in full, so that any Docker builds them, and that all apps of a kind have in common. */
export interface CommonStage {
  /** For the log: "nginx of Debian". */
  readonly of: string
  /** Of the image that is made of it: `berth-nginx`. */
  readonly name: string
  /** As it stands in a Dockerfile. */
  readonly text: string
  /** Codename of the Debian release that it stands on; bookworm unless given. */
  readonly release?: string
  /** What its FROM line calls it. */
  readonly as?: string
  /** The line for a shell that puts its packages there. */
  readonly install: string
  /** Its own files, by path. */
  readonly files: Readonly<Record<string, string>>
}

/** A common stage as an image, made once a machine. */
export function stageStack({ of, name, text, release = usualRelease, as, install, files }: CommonStage): Stack {
  /** Changes with what the stage says: another Berth's image is another one. */
  const version = sha256(text).slice(0, 12)
  // no registry can answer for this host, so what has the name was made here
  const image = `localhost/${name}:${version}`
  return {
    needs: 'the Debian mirror',
    stage: { text, image: as === undefined ? image : `${image} AS ${as}` },
    versionOf: (asked) => (asked === image ? version : null),
    // Debian mends packages without another version in the stage's name: it is made again every week
    parts: () => Promise.resolve({ stage: version, week: String(Math.floor(Date.now() / (7 * 24 * 3_600_000))) }),
    async source(_cache, parts) {
      const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
      for (const [path, content] of Object.entries(files)) {
        const file = join(directory, 'root', path)
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, content)
        await chmod(file, path.includes('/bin/') ? 0o755 : 0o644)
      }
      const dockerfile = [
        `FROM ${debianImage(release)}`,
        `RUN ${install}`,
        ...(Object.keys(files).length > 0 ? ['COPY root/ /'] : []),
        `LABEL ${partsLabel}="${lineOf(parts)}"`,
        '',
      ].join('\n')
      return { directory, dockerfile, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
    },
    describe: () => of,
  }
}
