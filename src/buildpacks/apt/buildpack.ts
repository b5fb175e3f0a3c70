import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { addUser, commandLines, home } from '../image-lines.js'

/** An app that needs nothing but Debian: its Aptfile says which packages, its Procfile what runs. */
export const apt: Buildpack = {
  name: 'apt',
  takes: 'an app of Debian packages alone (Aptfile, Procfile)',
  landmark: 'Aptfile',
  plan,
}

/** `withPackages` puts the packages into it, as into every plan. */
function plan(tree: Tree): Plan | null {
  if (!tree.hasFile('Aptfile')) return null
  const declared = declaredTypes(tree)
  if (!saysWhatRuns(declared))
    throw new BerthError(
      'invalid',
      'there is an Aptfile, but nothing says what runs',
      'write a Procfile, with a line such as `worker: ./work.sh`',
    )
  return {
    buildpack: 'apt',
    name: 'Debian',
    found: 'Aptfile',
    version: '',
    dockerfile: [
      'FROM debian:bookworm-slim',
      `RUN ${addUser}`,
      `ENV HOME=${home} PATH=${home}/bin:$PATH LANG=C.UTF-8`,
      `WORKDIR ${home}`,
      'USER app',
      'COPY --chown=app:app . .',
      ...commandLines(declared.web),
      '',
    ].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: declared,
    origin: 'Procfile',
    notes: [],
  }
}
