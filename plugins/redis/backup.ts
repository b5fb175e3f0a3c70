import type { ServiceBackup } from 'berth/plugin'

/** Below the volume: what was restored, which the next start takes for its data. */
export const restored = 'restored'

/** A snapshot as a replica gets it (redis-cli(1), `--rdb`). Of one that goes by no file the length is not known before, and a mark follows it. */
const dump = (admin: string): string => `
set -eu
${admin} -e config set repl-diskless-sync no >/dev/null
exec ${admin} --rdb -
`

/**
 * An append-only file may begin with a snapshot: since Redis 7 it is one of several files that a manifest names (redis.io, Persistence).
 * A snapshot that is cut off or damaged fails its own check.
 */
const restore = (directory: string): string => `
set -eu
umask 077
cd ${directory}
rm -rf draft ${restored}
mkdir draft
case "$1" in
6) file=draft/appendonly.aof ;;
*)
  mkdir draft/appendonlydir
  file=draft/appendonlydir/appendonly.aof.1.base.rdb
  printf 'file appendonly.aof.1.base.rdb seq 1 type b\\n' >draft/appendonlydir/appendonly.aof.manifest
  ;;
esac
cat >"$file"
said=$(redis-check-rdb "$file") || { rm -rf draft; printf '%s\\n' "$said" | tail -n 1 >&2; exit 1; }
sync -f draft
mv draft ${restored}
sync -f .
`

/** Keys of each database, and a digest of all that is in them, which does not depend on order. It serves nobody else meanwhile. */
const check = (admin: string): string => `
set -eu
digest=$(${admin} -e debug digest)
printf 'digest %s\n' "$digest"
${admin} info keyspace | tr -d '\\r' | sed -n 's/^\\(db[0-9]*\\):keys=\\([0-9]*\\).*/\\1 \\2/p'
`

/** By RDB: the snapshot of a fork. @param admin the administrator's client @param directory its volume */
export const backupOf = (admin: string, directory: string): ServiceBackup => ({
  format: 'rdb',
  dump: () => ['sh', '-c', dump(admin)],
  restore: ({ version }) => ['sh', '-c', restore(directory), 'restore', version],
  restarts: true,
  check: () => ['sh', '-c', check(admin)],
})
