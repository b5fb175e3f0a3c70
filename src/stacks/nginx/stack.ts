import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nginxFiles, nginxInstall, nginxStage } from '../../buildpacks/static/nginx-stage.js'
import { sha256 } from '../../config.js'
import { lineOf, partsLabel, type Stack } from '../stack.js'

/** Changes with what the stage says: another Berth's image is another one. */
const version = sha256(nginxStage).slice(0, 12)
/**
 * No registry can answer for this host, so what has the name was made here. The official nginx images are not what the
 * stage asks for: they are without brotli and its commands, and the versions that Debian looks after are abandoned there.
 */
const image = `localhost/berth-nginx:${version}`

/** The stage that serves sites, as an image: plans say it in full, so that any Docker builds them. */
export const nginxStack: Stack = {
  needs: 'the Debian mirror',
  stage: { text: nginxStage, image },
  versionOf: (name) => (name === image ? version : null),
  // Debian mends nginx without another version in its name: it is made again every week
  parts: () => Promise.resolve({ stage: version, week: String(Math.floor(Date.now() / (7 * 24 * 3_600_000))) }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    for (const [path, text] of Object.entries(nginxFiles)) {
      const file = join(directory, 'root', path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
      await chmod(file, path.includes('/bin/') ? 0o755 : 0o644)
    }
    const dockerfile = [
      'FROM debian:bookworm-slim',
      `RUN ${nginxInstall}`,
      'COPY root/ /',
      `LABEL ${partsLabel}="${lineOf(parts)}"`,
      '',
    ].join('\n')
    return { directory, dockerfile, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
  },
  describe: () => 'nginx of Debian',
}
