import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianPython } from '../../buildpacks/python/version.js'
import { BerthError } from '../../errors.js'
import { aptUpdate } from '../debian.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

const imageName = /^(?:docker\.io\/)?(?:library\/)?python:(3(?:\.\d{1,3}){0,2})-slim(?:-bookworm)?$/

const cleaned =
  'rm -rf /tmp/* /root/.cache /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*'

/** The official slim images of Python on Debian, made of Debian's Python and PyPI's pip: of the one version that Debian has. */
export const pythonStack: Stack = {
  needs: 'the Debian mirror and PyPI',
  versionOf: (image) => imageName.exec(image)?.[1] ?? null,
  parts: (_cache, version) =>
    new Promise((resolve) => {
      const minor = version.split('.')[1]
      if (minor !== undefined && Number(minor) !== debianPython.minor)
        throw new BerthError(
          'unavailable',
          `Python ${version} is not to be had: no registry that has its image can be reached, and Debian has ${debianPython.version} alone`,
          `ask for ${debianPython.version} (.python-version, requires-python), or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS`,
        )
      resolve({ python: debianPython.version })
    }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: () => `Python ${debianPython.version} of Debian`,
}

/**
 * The commands are where the official image has them, and so are the packages that pip installs: Debian's Python looks for
 * them in dist-packages, which is a link here. Headers are there for what is compiled, as in the official image.
 */
const dockerfileOf = (parts: StackParts): string =>
  [
    'FROM debian:bookworm-slim',
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ca-certificates netbase tzdata python3 python3-distutils python3-venv \\`,
    ' && cd /tmp && apt-get download -q libpython3.11-dev && dpkg-deb --fsys-tarfile libpython3.11-dev_*.deb | tar -x -C / ./usr/include \\',
    ` && rm /usr/lib/python3.11/EXTERNALLY-MANAGED && ${cleaned}`,
    'RUN for name in python python3 python3.11; do ln -s /usr/bin/python3.11 /usr/local/bin/$name; done \\',
    ' && mkdir -p /usr/local/lib/python3.11/site-packages && rm -rf /usr/local/lib/python3.11/dist-packages && ln -s site-packages /usr/local/lib/python3.11/dist-packages \\',
    ` && PYTHONPATH="$(echo /usr/share/python-wheels/pip-*.whl)" python3 -m pip install -q --root-user-action=ignore --no-cache-dir --no-warn-script-location --no-compile pip setuptools wheel && ${cleaned}`,
    "RUN python -c 'import ssl, sqlite3, ctypes, lzma, bz2, zlib, venv' && pip --version",
    `ENV LANG=C.UTF-8 PYTHON_VERSION=${debianPython.version}.${String(debianPython.patch)}`,
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["python3"]',
    '',
  ].join('\n')
