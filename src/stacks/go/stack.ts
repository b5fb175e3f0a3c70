import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleaned, debianImage, usualRelease } from '../debian/releases.js'
import { readTag, tagIn } from '../debian/tag.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'

/**
 * The official Go images on Debian, made of Go's own toolchain modules: Debian's Go fetches them as it fetches any module,
 * from the proxy that it is set to, and checks them against the checksum database.
 */
export const goStack: Stack = {
  needs: 'the Go module proxy and the Debian mirror',
  versionOf(image) {
    const tag = tagIn('golang', image)
    const asked = tag === null ? null : readTag(tag)
    return asked !== null && !asked.slim && /^(?:1(?:\.|$)|$)/.test(asked.version) ? tag : null
  },
  parts(_cache, tag) {
    const { version: asked = '', release = usualRelease } = readTag(tag) ?? {}
    const version = asked || '1'
    return Promise.resolve({
      go: version,
      ...(release === usualRelease ? {} : { debian: release }),
      // the newest patch of a line is what was newest when the image was made: it is made again in another month
      ...(version.split('.').length > 2 ? {} : { of: new Date().toISOString().slice(0, 7) }),
    })
  },
  async source(_cache, parts) {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: ({ go = '' }) => `Go ${go}`,
}

/**
 * Finds the release that a version names among those that the proxy has, fetches and lays it out. Modules keep neither
 * execute bits nor the go.mod files of other modules inside them.
 */
const fetch = (parts: StackParts): string => `RUN <<'FETCH'
# ${lineOf(parts)}
set -e
wanted=${parts.go ?? ''} arch=linux-$(dpkg --print-architecture)
all=$(go list -m -versions golang.org/toolchain | tr ' ' '\\n' | sed -n "s/^v0\\.0\\.1-go\\([0-9.]*\\)\\.$arch\\$/\\1/p" | sort -V)
found=$(echo "$all" | grep -E "^$(echo "$wanted" | sed 's/\\./\\\\./g')(\\.[0-9]+)*\\$" | tail -n1)
if [ -z "$found" ]; then
  line=$(echo "$all" | grep -F "$(echo "$wanted" | cut -d. -f1,2)." | tr '\\n' ' ')
  echo "berth: the module proxy has no Go $wanted; it has \${line:-lines up to $(echo "$all" | tail -n1)}"
  exit 1
fi
go mod download "golang.org/toolchain@v0.0.1-go$found.$arch"
mv "$(go env GOMODCACHE)/golang.org/toolchain@v0.0.1-go$found.$arch" /usr/local/go
chmod -R u+w /usr/local/go
chmod 755 /usr/local/go/bin/* /usr/local/go/pkg/tool/*/*
find /usr/local/go -name _go.mod -execdir mv {} go.mod ';'
FETCH`

const dockerfileOf = (parts: StackParts): string =>
  [
    'FROM debian:bookworm-slim AS fetch',
    `RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates golang-go && ${cleaned}`,
    fetch(parts),
    `FROM ${debianImage(parts.debian ?? usualRelease)}`,
    `RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates g++ gcc git libc6-dev make pkg-config tzdata && ${cleaned}`,
    'ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'COPY --from=fetch /usr/local/go /usr/local/go',
    'RUN mkdir -p /go/src /go/bin && chmod -R 1777 /go && go version',
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'WORKDIR /go',
    '',
  ].join('\n')
