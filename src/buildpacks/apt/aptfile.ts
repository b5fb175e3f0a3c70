import { asTable } from '../../lib/toml.js'
import { projectToml } from '../project-toml.js'
import { position, SourceError, type SourcePlace } from '../source-error.js'
import type { Tree } from '../tree.js'

/** Debian packages that an app asks for, and what its pusher should know of them. */
export interface AptPackages {
  readonly names: readonly string[]
  readonly notes: readonly string[]
}

const file = 'Aptfile'
/** More than any app has in its Aptfile. */
const most = 300
/** A package, and perhaps its architecture and its version: what apt-get takes as one word, and a shell as it is. */
const packageName = /^[a-z0-9][a-z0-9+.-]{1,100}(?::[a-z0-9]{1,20})?(?:=[A-Za-z0-9][A-Za-z0-9.+~:-]{0,100})?$/

/** Aptfiles are written for Ubuntu: what it calls otherwise. */
const debianNames: Readonly<Record<string, string>> = {
  'libgl1-mesa-glx': 'libgl1',
  'libgles2-mesa': 'libgles2',
  'libssl1.1': 'libssl3',
  libssl3t64: 'libssl3',
  libicu66: 'libicu72',
  libicu70: 'libicu72',
  libicu74: 'libicu72',
  'libjpeg-turbo8': 'libjpeg62-turbo',
  'libjpeg-turbo8-dev': 'libjpeg62-turbo-dev',
  libasound2t64: 'libasound2',
  libglib2: 'libglib2.0-0',
  'libglib2.0-0t64': 'libglib2.0-0',
  'libgtk-3-0t64': 'libgtk-3-0',
  libcups2t64: 'libcups2',
  'libatk1.0-0t64': 'libatk1.0-0',
  'libatk-bridge2.0-0t64': 'libatk-bridge2.0-0',
  libcurl4t64: 'libcurl4',
  'libpng16-16t64': 'libpng16-16',
  libvips: 'libvips42',
  libvips42t64: 'libvips42',
  libmysqlclient21: 'libmariadb3',
  'libmysqlclient-dev': 'default-libmysqlclient-dev',
  'mysql-client': 'default-mysql-client',
  'chromium-browser': 'chromium',
  'google-chrome-stable': 'chromium',
  'chromium-chromedriver': 'chromium-driver',
}

/** A word where a package is asked for. */
interface Word {
  readonly word: string
  readonly place: SourcePlace
}

/**
 * What the Aptfile of a tree asks for, and the list of Heroku's deb-packages in a project.toml.
 * @throws SourceError at a word that is no package: an option, a repository, an address
 */
export function aptPackages(tree: Tree): AptPackages {
  const names = new Set<string>()
  const notes: string[] = []
  for (const { word, place } of [...inAptfile(tree), ...inProject(tree)]) {
    const name = Object.hasOwn(debianNames, word) ? (debianNames[word] ?? word) : word
    if (!packageName.test(name)) throw refused(place, word)
    if (name !== word) notes.push(`${place.file}: ${word} is Ubuntu's name: ${name} is installed`)
    names.add(name)
    if (names.size > most)
      throw new SourceError(
        place,
        `more than ${String(most)} packages`,
        'an image of your own holds so much better: write a Dockerfile',
      )
  }
  return { names: [...names], notes }
}

const inAptfile = (tree: Tree): Word[] =>
  (tree.read(file) ?? '').split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.replace(/(?:^|\s)#.*$/, '')
    return [...line.matchAll(/\S+/g)].map(({ 0: word, index: at }) => ({
      word,
      place: { file, line: index + 1, column: at + 1 },
    }))
  })

/** `[com.heroku.buildpacks.deb-packages] install = ["a", { name = "b" }]` */
function inProject(tree: Tree): Word[] {
  const project = projectToml(tree)
  if (project === null) return []
  const listed = ['com', 'heroku', 'buildpacks', 'deb-packages'].reduce(
    (table, key) => asTable(table[key]),
    project.toml,
  )
  if (!Array.isArray(listed.install)) return []
  return listed.install.map((one: unknown) => {
    const word = String(typeof one === 'string' ? one : asTable(one).name)
    return { word, place: { file: project.file, ...position(project.text, Math.max(0, project.text.indexOf(word))) } }
  })
}

function refused(place: SourcePlace, word: string): SourceError {
  const shown = word.slice(0, 80).replace(/\p{Cc}/gu, '?')
  if (word.startsWith(':'))
    return new SourceError(
      place,
      `\`${shown}\`: packages come from Debian alone, not from other repositories`,
      'take it out, or write a Dockerfile that adds the repository',
    )
  if (/^https?:/.test(word) || word.endsWith('.deb'))
    return new SourceError(
      place,
      `\`${shown}\` is a file, made for another system perhaps: only packages of Debian are installed`,
      'name the package of Debian, or write a Dockerfile that installs the file',
    )
  return new SourceError(
    place,
    `\`${shown}\` is not the name of a Debian package`,
    'write one or more names a line, `ffmpeg libpq5`, with `=<version>` if need be',
  )
}
