import type { ServiceBackup } from 'berth/plugin'
import { directory } from './programs.js'

/** Last line of a dump, by which one that is cut off is known. */
const whole = 'berth-rabbitmq-whole'

/**
 * The files of the node as they are at one moment: it stands still while they are copied, so that the copy is what a power cut would have
 * left, from which a node comes up with all that was confirmed. Its clients stay connected.
 */
const dump = `
set -eu
cd ${directory}
copy=$(mktemp -d ${directory}/dump.XXXXXX)
node=$(pgrep -x beam.smp)
trap 'kill -CONT $node; rm -rf "$copy"' EXIT
kill -STOP $node
cp -a --reflink=auto data "$copy/data"
kill -CONT $node
cp version "$copy/version"
tar --create --directory="$copy" version data
echo ${whole}
`

const restore = `
set -eu
umask 077
cd ${directory}
rm -rf draft restored
mkdir draft
refuse() { rm -rf draft; echo "$1" >&2; exit 1; }
cat >draft/dump.tar
[ "$(tail -c ${whole.length + 1} draft/dump.tar | tr -d '\\0')" = ${whole} ] || refuse 'the dump is cut off, or none'
tar --extract --file=draft/dump.tar --directory=draft || refuse 'the dump is damaged'
[ -s draft/version ] && [ -d draft/data/rabbit@localhost ] || refuse 'this is no dump of a service of RabbitMQ'
found=$(cat draft/version)
[ "$found" = "$1" ] || refuse "the dump is of RabbitMQ $found, which RabbitMQ $1 does not read"
sync -f draft
mv draft/data restored
rm -rf draft
sync -f .
`

const check = `
set -eu
ask() { berth-rabbitmq-ctl --quiet "$@"; }
ask list_queues -p main --no-table-headers name durable messages_persistent | awk -F '\\t' '$2 == "true" { print "queue", $1, $3 }' | sort
ask list_exchanges -p main --no-table-headers name type durable | awk -F '\\t' '$3 == "true" && $1 != "" { print "exchange", $1, $2 }' | sort
`

const shell = (script: string, ...rest: readonly string[]): readonly string[] => ['sh', '-c', script, 'sh', ...rest]

/** By the files of the node: of its own version only. */
export const backup: ServiceBackup = {
  format: 'rabbitmq.tar',
  dump: () => shell(dump),
  restore: ({ version }) => shell(restore, version),
  restarts: true,
  check: () => shell(check),
}
