import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianRuby } from '../../buildpacks/ruby/version.js'
import { BerthError } from '../../errors.js'
import { aptUpdate } from '../debian.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

const imageName = /^(?:docker\.io\/)?(?:library\/)?ruby:(\d(?:\.\d{1,2}){0,2})-slim(?:-bookworm)?$/

/** The official slim images of Ruby on Debian, made of Debian's Ruby and Bundler: of the one version that Debian has. */
export const rubyStack: Stack = {
  needs: 'the Debian mirror',
  versionOf: (image) => imageName.exec(image)?.[1] ?? null,
  parts: (_cache, version) =>
    new Promise((resolve) => {
      if (version !== debianRuby.line && version !== debianRuby.version)
        throw new BerthError(
          'unavailable',
          `Ruby ${version} is not to be had: no registry that has its image can be reached, and Debian has ${debianRuby.version} alone`,
          `ask for ${debianRuby.line} (Gemfile, .ruby-version), or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS`,
        )
      resolve({ ruby: debianRuby.version })
    }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: () => `Ruby ${debianRuby.version} of Debian`,
}

/** Gems go where those of the official image go; Debian's are found beside them. */
const dockerfileOf = (parts: StackParts): string =>
  [
    'FROM debian:bookworm-slim',
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ca-certificates tzdata ruby ruby-bundler \\`,
    ' && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* \\',
    ' && mkdir -p /usr/local/bundle && chmod 1777 /usr/local/bundle && for name in ruby gem bundle; do ln -s /usr/bin/$name /usr/local/bin/$name; done',
    `ENV LANG=C.UTF-8 RUBY_VERSION=${debianRuby.version} GEM_HOME=/usr/local/bundle BUNDLE_SILENCE_ROOT_WARNING=1 BUNDLE_APP_CONFIG=/usr/local/bundle PATH=/usr/local/bundle/bin:$PATH`,
    "RUN ruby -e 'require %q(openssl); require %q(zlib); require %q(yaml)' && bundle --version",
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["irb"]',
    '',
  ].join('\n')
