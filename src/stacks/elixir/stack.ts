import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianElixir } from '../../buildpacks/elixir/version.js'
import { BerthError } from '../../errors.js'
import { aptUpdate } from '../debian.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

const imageName = /^(?:docker\.io\/)?(?:library\/)?elixir:(1\.\d{1,3}(?:\.\d{1,3})?(?:-otp-\d{2})?)(?:-slim)?$/
const made = [debianElixir.line, `${debianElixir.line}-otp-${debianElixir.otp}`]

/** The official images of Elixir, made of Debian's Elixir and Erlang: of the one version that Debian has. */
export const elixirStack: Stack = {
  needs: 'the Debian mirror',
  versionOf: (image) => imageName.exec(image)?.[1] ?? null,
  parts: (_cache, version) =>
    new Promise((resolve) => {
      if (!made.includes(version))
        throw new BerthError(
          'unavailable',
          `Elixir ${version} is not to be had: no registry that has its image can be reached, and Debian has ${debianElixir.line} (OTP ${debianElixir.otp}) alone`,
          `ask for ${debianElixir.line} (\`elixir: "~> ${debianElixir.line}"\` in mix.exs), or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS`,
        )
      resolve({ elixir: debianElixir.line })
    }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: () => `Elixir ${debianElixir.line} and Erlang/OTP ${debianElixir.otp} of Debian`,
}

const dockerfileOf = (parts: StackParts): string =>
  [
    'FROM debian:bookworm-slim',
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ca-certificates elixir erlang-dev erlang-ssl tzdata \\`,
    ' && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* && elixir --version',
    'ENV LANG=C.UTF-8',
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["iex"]',
    '',
  ].join('\n')
