/** Where its volume is. */
export const directory = '/var/lib/berth-rabbitmq'

/**
 * Its own name has no host's in it: data is found by it, wherever it is. What node and tools talk to each other by stays within the
 * container (rabbitmq.com, Configuration, Environment Variables).
 */
const environment = `export HOME=${directory} LANG=C.UTF-8
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_MNESIA_BASE=${directory}/data
export RABBITMQ_CONFIG_FILES=/tmp/berth-rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=/etc/berth-rabbitmq/plugins
export RABBITMQ_LOGS=- RABBITMQ_LOG_BASE=/tmp RABBITMQ_PID_FILE=/tmp/rabbitmq.pid ERL_EPMD_ADDRESS=127.0.0.1
`

const initialise = `#!/bin/sh
set -eu
umask 077
cd ${directory}
[ ! -e version ] || exit 0
rm -rf data .erlang.cookie
mkdir data
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' >.erlang.cookie
chmod 400 .erlang.cookie
: >fresh
printf '%s' "$1" >draft
sync -f .
mv draft version
sync -f .
`

/** A node makes its data when it first comes up, which no later start may. */
const start = `#!/bin/sh
set -eu
version=$1
memory=$2
node=data/rabbit@localhost
refuse() { echo "berth: $1" >&2; exit 78; }
cd ${directory}
[ -s version ] && [ -s .erlang.cookie ] ||
  refuse "the volume has no data of RabbitMQ: it is not the one that this service had"
found=$(cat version)
[ "$found" = "$version" ] || refuse "the data is of RabbitMQ $found, which RabbitMQ $version does not read"
if [ -d restored ]; then
  : >foreign
  rm -rf data
  mv restored data
  sync -f .
fi
if [ ! -d $node ]; then
  [ -e fresh ] || refuse "the volume has no data of RabbitMQ: it is not the one that this service had"
else
  rm -f fresh
fi
${environment}mkdir -p "$RABBITMQ_CONFIG_FILES"
cp /etc/berth-rabbitmq/10-berth.conf "$RABBITMQ_CONFIG_FILES/"
printf 'total_memory_available_override_value = %s\\n' "$memory" >"$RABBITMQ_CONFIG_FILES/20-size.conf"
[ ! -e foreign ] || berth-rabbitmq-disown &
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
exec /usr/lib/rabbitmq/bin/rabbitmq-server
`

const ctl = `#!/bin/sh
# whatever is run reads what there is
[ "$1" = import_definitions ] || exec </dev/null
${environment}exec /usr/lib/rabbitmq/bin/rabbitmqctl "$@"
`

/** Accounts that came with what was restored are of links of another service. */
const disown = `#!/bin/sh
set -eu
until berth-rabbitmq-ctl --quiet await_startup >/dev/null 2>&1; do sleep 1; done
berth-rabbitmq-ctl --quiet list_users --no-table-headers | cut -f1 | grep '^link_' | while read -r role; do
  berth-rabbitmq-ctl --quiet delete_user "$role"
done
rm -f ${directory}/foreign
`

/** It listens once all of it has started. */
const ready = `#!/bin/bash
[ ! -e ${directory}/foreign ] && (: </dev/tcp/127.0.0.1/5672) 2>/dev/null
`

/** Bytes on the disk, and connections that are established with its port (proc_net_tcp). */
const measure = `#!/bin/sh
set -eu
du -sb ${directory}/data | cut -f1
cat /proc/net/tcp /proc/net/tcp6 | awk '$2 ~ /:1628$/ && $4 == "01" { n++ } END { print n + 0 }'
`

/** Commands of rabbitmqctl, a line each. */
const console = `#!/bin/sh
set -f
while [ -t 0 ] && printf 'rabbitmqctl> ' || :; IFS= read -r line; do
  [ -z "$line" ] || berth-rabbitmq-ctl $line
done
`

/** Programs of its image, by name. */
export const programs = { initialise, start, ctl, disown, ready, measure, console }
