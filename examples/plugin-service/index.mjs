import { definePlugin } from 'berth/plugin'

const directory = '/var/lib/berth-mosquitto'
const program = (name) => `/usr/local/bin/berth-mosquitto-${name}`

const initialise = `#!/bin/sh
set -eu
umask 077
cd ${directory}
[ ! -e accounts ] || exit 0
mkdir -p data client
secret=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')
printf -- '-u admin\\n-P %s\\n' "$secret" >client/mosquitto_sub
printf 'admin:%s\\n' "$secret" >draft
mosquitto_passwd -U draft
sync -f .
mv draft accounts
`

// the account of the service itself, which nobody but it has, by a file: it is in no list of processes
const look = `XDG_CONFIG_HOME=${directory}/client exec mosquitto_sub -t '#' "$@"`

const start = `#!/bin/sh
set -eu
cd ${directory}
[ -e accounts ] && [ -d data ] || {
  echo 'berth: the volume has no data of Mosquitto: it is not the one that this service had' >&2
  exit 78
}
if [ -e restored.db ]; then mv restored.db data/mosquitto.db; fi
exec mosquitto -c /etc/berth-mosquitto.conf
`

// a hash of the password is kept; the server reads the file anew when it is told to (mosquitto_passwd(1), mosquitto(8))
const account = `#!/bin/sh
set -eu
umask 077
cd ${directory}
cp accounts draft
case "$1" in
grant)
  line=$(mktemp)
  { printf '%s:' "$2"; cat; echo; } >"$line"
  mosquitto_passwd -U "$line"
  mosquitto_passwd -D draft "$2" 2>/dev/null || true
  cat "$line" >>draft
  rm "$line"
  ;;
revoke) mosquitto_passwd -D draft "$2" 2>/dev/null || true ;;
esac
sync draft
mv draft accounts
kill -HUP 1
`

const configuration = `listener 1883
allow_anonymous false
password_file ${directory}/accounts
persistence true
persistence_location ${directory}/data/
autosave_on_changes true
autosave_interval 1
log_dest stdout
`

const measure = `#!/bin/sh
set -eu
du -sb ${directory}/data | cut -f1
awk '$2 ~ /:075B$/ && $4 == "01" { n++ } END { print n + 0 }' /proc/net/tcp
`

// it saves what it has when it is told to; a file that is there is whole
const dump = `
set -eu
cd ${directory}/data
rm -f mosquitto.db
kill -USR1 1
until [ -s mosquitto.db ]; do sleep 0.1; done
cat mosquitto.db
printf 'berth-mosquitto-whole'
`

const restore = `
set -eu
cd ${directory}
cat >draft.db
[ "$(tail -c 21 draft.db | tr -d '\\0')" = berth-mosquitto-whole ] || { rm draft.db; echo 'the dump is cut off, or none' >&2; exit 1; }
truncate -s -21 draft.db
sync draft.db
mv draft.db restored.db
`

const mosquitto = {
  title: 'Mosquitto',
  versions: [{ version: '2.0', debian: 'bookworm', packages: ['mosquitto', 'mosquitto-clients'] }],
  variable: 'MQTT',
  user: 'mosquitto',
  directory,
  files: {
    [program('initialise')]: initialise,
    [program('start')]: start,
    [program('account')]: account,
    [program('measure')]: measure,
    '/etc/berth-mosquitto.conf': configuration,
  },
  initialise: () => [program('initialise')],
  start: () => [program('start')],
  ready: () => ({ words: ['bash', '-c', ': </dev/tcp/127.0.0.1/1883'] }),
  stop: { signal: 'SIGTERM', seconds: 10 },
  grant: ({ role, password }) => ({ words: [program('account'), 'grant', role], input: password }),
  revoke: (role) => ({ words: [program('account'), 'revoke', role] }),
  url: (host, { role, password }) => `mqtt://${role}:${password}@${host}:1883`,
  measure: () => ({ words: [program('measure')] }),
  backup: {
    format: 'mosquitto',
    dump: () => ['sh', '-c', dump],
    restore: () => ['sh', '-c', restore],
    restarts: true,
    // 27: it has waited for another message, and none came
    check: () => ['sh', '-c', `(set -- --retained-only -W 2 -F '%t %x'; ${look}) || [ $? = 27 ]`],
  },
  connect: () => ['sh', '-c', `set -- -v; ${look}`],
}

export const plugin = definePlugin({ kind: 'service', name: 'mosquitto', version: '1.0.0', start: () => mosquitto })
