import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianPython, debianPythons } from '../../buildpacks/python/version.js'
import { BerthError } from '../../errors.js'
import { aptUpdate } from '../debian.js'
import { buildPackages, cleaned, debianImage, usualRelease } from '../debian/releases.js'
import { readTag, tagIn } from '../debian/tag.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

/** The official images of Python on Debian, made of Debian's Pythons and PyPI's pip: of the versions that its releases have. */
export const pythonStack: Stack = {
  needs: 'the Debian mirror and PyPI',
  versionOf(image) {
    const tag = tagIn('python', image)
    return tag !== null && /^(?:3(?:\.|$)|$)/.test(readTag(tag)?.version ?? 'none') ? tag : null
  },
  parts: (_cache, tag) =>
    new Promise((resolve) => {
      const { version = '', slim = true, release } = readTag(tag) ?? {}
      const [, named] = version.split('.')
      const minor = Number(named ?? pythonOf(release)?.minor ?? debianPython.minor)
      const python = debianPythons.find((one) => one.minor === minor)
      if (python === undefined || (release !== undefined && release !== python.release))
        throw new BerthError(
          'unavailable',
          `Python ${version}${release === undefined ? '' : ` on ${release}`} is not to be had: no registry that has its image can be reached, and Debian has ${had}`,
          'ask for one of these (.python-version, requires-python, FROM), or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS',
        )
      resolve({
        python: `3.${String(minor)}`,
        ...(python.release === usualRelease ? {} : { debian: python.release }),
        ...(slim ? {} : { with: 'compilers' }),
      })
    }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: ({ python = '', debian = usualRelease }) => `Python ${python} of Debian ${debian}`,
}

const pythonOf = (release = '') => debianPythons.find((one) => one.release === release)

const had = debianPythons.map(({ minor, release }) => `3.${String(minor)} (${release})`).join(', ')

/**
 * The commands are where the official image has them, and so are the packages that pip installs: Debian's Python looks for
 * them in dist-packages, which is a link here. Headers are there for what is compiled, as in the official image.
 */
function dockerfileOf(parts: StackParts): string {
  const { python = debianPython.version, debian: release = usualRelease } = parts
  const { minor, patch } = pythonOf(release) ?? debianPython
  const name = `python${python}`
  const more = [...(minor < 12 ? ['python3-distutils'] : []), ...(parts.with === undefined ? [] : [buildPackages])]
  return [
    `FROM ${debianImage(release)}`,
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ${['ca-certificates netbase tzdata python3 python3-venv', ...more].join(' ')} \\`,
    ` && cd /tmp && apt-get download -q lib${name}-dev && dpkg-deb --fsys-tarfile lib${name}-dev_*.deb | tar -x -C / ./usr/include \\`,
    ` && rm -f /usr/lib/${name}/EXTERNALLY-MANAGED && ${cleaned}`,
    `RUN for name in python python3 ${name}; do ln -s /usr/bin/${name} /usr/local/bin/$name; done \\`,
    ` && mkdir -p /usr/local/lib/${name}/site-packages && rm -rf /usr/local/lib/${name}/dist-packages && ln -s site-packages /usr/local/lib/${name}/dist-packages \\`,
    ` && PYTHONPATH="$(echo /usr/share/python-wheels/*.whl | tr ' ' :)" python3 -m pip install -q --no-cache-dir --no-warn-script-location --no-compile --upgrade --ignore-installed pip setuptools wheel && ${cleaned}`,
    "RUN python -c 'import ssl, sqlite3, ctypes, lzma, bz2, zlib, venv' && pip --version",
    `ENV LANG=C.UTF-8 PYTHON_VERSION=${python}.${String(patch)}`,
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["python3"]',
    '',
  ].join('\n')
}
