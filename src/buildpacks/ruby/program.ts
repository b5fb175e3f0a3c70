import type { Plan } from '../buildpack.js'
import { addUser, commandLines, home } from '../image-lines.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { rubyImage, rubyVersion } from './version.js'

const programs = ['main.rb', 'app.rb', 'server.rb', 'web.rb']
/** What may lie beside a program without its being of another language. */
const beside =
  /\.(?:rb|md|txt)$|^(?:\..*|Procfile|Aptfile|app\.json|project\.toml|Rakefile|LICENSE|README|lib|public|views|test|spec|bin)$/

/** A program that runs with what Ruby itself has, in a tree that is nothing else; null for another. */
export function programPlan(tree: Tree): Plan | null {
  const program = programs.find((name) => tree.hasFile(name))
  if (program === undefined || !tree.names().every((name) => beside.test(name))) return null
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const types = declares ? declared : { web: `ruby ${program}`, ...declared }
  const { version, notes } = rubyVersion(tree, { ruby: undefined })
  return {
    buildpack: 'ruby',
    name: 'Ruby',
    found: `Ruby app (${program})`,
    version,
    dockerfile: [
      `FROM ${rubyImage(version)}`,
      `RUN ${addUser}`,
      `ENV HOME=${home} LANG=C.UTF-8 RACK_ENV=production PATH=${home}/bin:$PATH`,
      `WORKDIR ${home}`,
      'USER app',
      'COPY --chown=app:app . .',
      ...commandLines(types.web),
      '',
    ].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [...notes, 'no Gemfile: it runs with what Ruby itself has; gems are installed of a Gemfile'],
  }
}
