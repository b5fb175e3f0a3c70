import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptUpdate } from '../debian.js'
import { buildPackages, cleaned, debianImage, usualRelease } from '../debian/releases.js'
import { readTag, tagIn } from '../debian/tag.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

/**
 * The official Rust images on Debian 12 and 13, made of the compilers that Debian keeps for its browsers: two or three
 * lines, the newest of them of this year. A version that is not among them is compiled with the next newer one, as Rust promises that
 * it can be; there is none for what is newer than all.
 */
export const rustStack: Stack = {
  needs: 'the Debian mirror',
  versionOf(image) {
    const tag = tagIn('rust', image)
    const asked = tag === null ? null : readTag(tag)
    return asked !== null && /^(?:1(?:\.|$)|$)/.test(asked.version) && asked.release !== 'bullseye' ? tag : null
  },
  parts(_cache, tag) {
    const { version, slim, release = usualRelease } = readTag(tag) ?? { version: '', slim: true }
    return Promise.resolve({
      rust: version || '1',
      ...(release === usualRelease ? {} : { debian: release }),
      ...(slim ? {} : { with: 'compilers' }),
      // Debian's security updates bring newer ones: it is made again in another month
      of: new Date().toISOString().slice(0, 7),
    })
  },
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: ({ rust = '' }) =>
    rust === '1' ? "Debian's newest Rust" : `Rust ${rust}, or the next newer one of Debian`,
}

/** The Rust of Debian 12 itself is of 2022, and its Cargo knows no registry of today; that of 13 does. */
const install = (parts: StackParts): string => `RUN <<'INSTALL'
# ${lineOf(parts)}
set -e
wanted=${parts.rust ?? ''}
${aptUpdate}
all=$(apt-cache madison ${packagesOf(parts).join(' ')} | cut -d'|' -f2 | tr -d ' ' | sort -uV)
found=
for one in $all; do
  if [ "$wanted" = 1 ] || { [ -z "$found" ] && dpkg --compare-versions "$one" ge "$wanted"; }; then found=$one; fi
done
if [ -z "$found" ]; then
  echo "berth: Debian has no Rust $wanted; it has $(echo $(echo "$all" | sed 's/+.*//') | sed 's/ /, /g'), and no registry that has the image rust:$wanted can be reached"
  exit 1
fi
if apt-cache madison rustc-web | grep -qF "$found"; then web=-web; else web=; fi
apt-get install -qy --no-install-recommends ${parts.with === undefined ? 'ca-certificates g++ gcc git libc6-dev libssl-dev make pkg-config tzdata' : `ca-certificates tzdata ${buildPackages}`} \\
  "rustc$web=$found" "libstd-rust$web-dev=$found" "cargo$web=$found"
${cleaned}
INSTALL`

const packagesOf = ({ debian = usualRelease }: StackParts): string[] =>
  debian === usualRelease ? ['rustc-web'] : ['rustc-web', 'rustc']

const dockerfileOf = (parts: StackParts): string =>
  [
    `FROM ${debianImage(parts.debian ?? usualRelease)}`,
    install(parts),
    'ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'RUN mkdir -p -m 1777 /usr/local/cargo /usr/local/cargo/bin && cargo --version',
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    '',
  ].join('\n')
