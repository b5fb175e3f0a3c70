import { randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { readIfThere } from '../lib/missing.js'

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export const hooksDirectory = (config: Config): string => join(config.root, 'git', 'hooks')

/**
 * What both hooks begin with. A push is named by its receive-pack process: pid and start time (proc(5), field 22), so
 * that both hooks, and a hook that asks again, name the same one.
 */
const preamble = `#!/bin/sh
# Written by Berth at its start; the same for all its repositories.
set -fu
read -r stat <"/proc/$PPID/stat"
set -- \${stat##*) }
shift 19
push=$PPID-$1
`

/**
 * Hands the push to the api process and passes on what it writes for the pusher; then, by the same curl, asks whether the push
 * is taken. An answer that breaks off, or no answer, means that the api process died; the operation goes on without it, so the hook
 * asks again until somebody knows how it ended. By then nobody listens to the pusher's end: the log is not repeated. The secret
 * is read by curl from a file, so that no list of processes shows it.
 */
const preReceive = (config: Config): string => `${preamble}
query="repository=\${PWD##*/}&push=$push"
set -- --silent --no-buffer --unix-socket ${quoted(config.apiSocket)} --header @${quoted(join(hooksDirectory(config), 'secret'))}
exec 3>&1
commands=$(cat)
left=1500
again=0
while [ "$left" -gt 0 ]; do
  verdict=$(printf 'objects %s\\n%s\\n' "\${GIT_OBJECT_DIRECTORY:-}" "$commands" | curl --fail-early "$@" \\
    --header 'Content-Type: text/plain' --data-binary @- "http://berth/internal/pre-receive?$query&again=$again" --next "$@" \\
    --output /dev/null --write-out '%{stderr}%{http_code}' --request POST "http://berth/internal/verdict?$query" 2>&1 >&3)
  case $verdict in
    *204) exit 0 ;;
    *4??) exit 1 ;;
  esac
  again=1
  left=$((left - 1))
  sleep 0.2
done
exit 1
`

/**
 * Leaves the ref alone: receive-pack would move it only from where the pusher last saw it, but while this push waited for another's
 * operation, that one moved it. The api process has moved it to what was deployed last, and left what git is to be told.
 */
const procReceive = `${preamble}
cat "berth/$push/answer" || exit 1
exec cat >/dev/null
`

/** Writes the hooks. @returns the header a hook proves itself with; the same as long as the instance lives */
export async function installHooks(config: Config): Promise<string> {
  const directory = hooksDirectory(config)
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const put = async (name: string, text: string, mode: number): Promise<void> => {
    const file = join(directory, name)
    await writeFile(`${file}.new`, text, { mode })
    await rename(`${file}.new`, file)
  }
  const known = (await readIfThere(join(directory, 'secret'))) ?? ''
  const secret = known.startsWith(header) ? known.slice(header.length).trim() : randomBytes(32).toString('base64url')
  await put('secret', `${header}${secret}\n`, 0o600)
  await put('pre-receive', preReceive(config), 0o750)
  await put('proc-receive', procReceive, 0o750)
  return secret
}

const header = 'Berth-Hook: '
