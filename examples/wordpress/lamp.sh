#!/bin/sh
# Serves public/ with Debian's WordPress linked into it, and starts MariaDB unless there is one elsewhere.
set -eu
for part in /usr/share/wordpress/*; do
  [ -e "public/${part##*/}" ] || ln -s "$part" public/
done
if [ -z "${DATABASE_URL:-}" ]; then
  mariadb-install-db --no-defaults --datadir=/app/data --auth-root-authentication-method=normal --skip-test-db >/dev/null
  # the app is live when it answers: until then WordPress says 500
  mariadbd --no-defaults --datadir=/app/data --socket=/tmp/mariadb.sock --skip-networking --init-file=/app/database.sql \
    --performance-schema=off --innodb-buffer-pool-size=32M &
fi
exec serve-php public
