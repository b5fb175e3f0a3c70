#!/bin/sh
# A PostgreSQL of this app's own, for its processes alone: they are all that its network has.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
initdb --pgdata data --username app --auth trust --encoding UTF8 >/dev/null
echo 'host all all samenet trust' >>data/pg_hba.conf
exec postgres -D data -c listen_addresses='*' -c unix_socket_directories=/tmp
