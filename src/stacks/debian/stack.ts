import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'
import { aptUpdate } from '../debian.js'
import { debianImage, releaseNamed, usualRelease } from './releases.js'

const imageName = /^(?:docker\.io\/)?(?:library\/)?debian(?::([a-z]+|\d+(?:\.\d+)?)(?:-slim)?)?$/

/** The images of Debian's releases, from its mirror. The one that all begin with, bookworm's, the engine makes. */
export const debianStack: Stack = {
  needs: 'the Debian mirror',
  versionOf(image) {
    const match = imageName.exec(image)
    if (!match || image.endsWith(debianImage(usualRelease))) return null
    return releaseNamed(match[1] ?? 'latest') ?? null
  },
  // what Debian mends has no other name: it is made again every month
  parts: (_cache, version) => Promise.resolve({ debian: version, of: new Date().toISOString().slice(0, 7) }),
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: ({ debian = '' }) => `Debian ${debian}`,
}

const label = (parts: StackParts): string => `LABEL ${partsLabel}="${lineOf(parts)}"`

function dockerfileOf(parts: StackParts): string {
  const { debian: release = usualRelease } = parts
  if (release === usualRelease) return `FROM ${debianImage(release)}\n${label(parts)}\n`
  return [
    `FROM ${debianImage(usualRelease)} AS make`,
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends mmdebstrap`,
    `RUN sed s/${usualRelease}/${release}/g /etc/apt/sources.list.d/debian.sources >/tmp/debian.sources \\`,
    // what it cannot mount here no package of the smallest set needs
    ` && mmdebstrap --quiet --mode=root --variant=minbase --format=directory --skip=check/chroot --dpkgopt=/etc/dpkg/dpkg.cfg.d/slim ${release} /made /tmp/debian.sources \\`,
    ' && cd /made && rm -rf dev/* var/log/* var/cache/debconf/*-old var/lib/dpkg/*-old etc/apt/sources.list etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap etc/hostname etc/resolv.conf \\',
    ' && cp /tmp/debian.sources etc/apt/sources.list.d/ && cp /etc/apt/apt.conf.d/slim etc/apt/apt.conf.d/ && cp /etc/dpkg/dpkg.cfg.d/slim etc/dpkg/dpkg.cfg.d/',
    'FROM scratch',
    'COPY --from=make /made /',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    label(parts),
    'CMD ["bash"]',
    '',
  ].join('\n')
}
