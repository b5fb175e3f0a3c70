import { readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CLONE_NEWNS, exec, mount, MS, unmount, unshare } from '../kernel/libc.js'
import { locateProgram, runtimeNames } from './driver.js'
import { openStagingArea } from './mount-staging.js'

const marker = 'BERTH_ENGINE_MOUNTS'
/**
 * The engine's days are long and its requests small. V8 keeps three semi-spaces (MiB) for what is young, 16 each by
 * default; and what has run for some milliseconds in all is time enough to optimize: by default the compiler, 4 MB of
 * memory, comes in while the engine's own files are loaded. The last flag is one of V8 11, Node 20's. And each of V8's
 * threads, four by default, leaves a MiB of malloc(3)'s in use for good.
 */
const frugal = [
  ...(import.meta.url.endsWith('.js')
    ? [`--import=${fileURLToPath(new URL('../kernel/lean.js', import.meta.url))}`]
    : []),
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  ...(process.versions.v8.startsWith('11.') ? ['--interrupt-budget=2000000'] : []),
]

/**
 * Moves the engine into a mount namespace of its own, by starting the program over: threads that exist already cannot
 * be moved. So no mount of a container is ever seen on the host, and none is left there however the engine dies; what
 * the host mounts later still comes in. On hosts with a v2 cgroup tree beside v1, the v2 mount is hidden here: crun
 * refuses the mixture.
 */
export function isolate(): void {
  if (process.env[marker] === readlinkSync('/proc/self/ns/mnt')) return
  unshare(CLONE_NEWNS)
  mount('', '/', '', MS.rec | MS.slave, '')
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const trees = mounts.map((line) => line.split(' ')).filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
  if (trees.some(([, , type]) => type === 'cgroup'))
    for (const [, path = '', type] of trees) if (type === 'cgroup2') unmount(path)
  openStagingArea()
  shieldNull()
  shieldRuntimes()
  process.env[marker] = readlinkSync('/proc/thread-self/ns/mnt')
  const flags = process.execArgv.filter((flag) => !frugal.includes(flag))
  exec(process.execPath, [process.execPath, ...frugal, ...flags, ...process.argv.slice(1)])
}

/**
 * conmon opens /dev/null as a container's standard input, and the runtime gives that to the container's user: the host's
 * own node, if its mount allowed it. Devices are written to through a read-only mount all the same.
 */
function shieldNull(): void {
  mount('/dev/null', '/dev/null', '', MS.bind, '')
  mount('', '/dev/null', '', MS.bind | MS.remount | MS.rdonly | MS.nosuid | MS.noexec, '')
}

/**
 * A container may write to the runtime that enters it, by way of /proc/self/exe (CVE-2019-5736), so crun starts itself
 * over from a read-only mount it makes each time. It finds itself on one already here, which saves a third of its time.
 */
function shieldRuntimes(): void {
  for (const path of runtimeNames.map(locateProgram)) {
    if (path === undefined) continue
    mount(path, path, '', MS.bind, '')
    mount('', path, '', MS.bind | MS.remount | MS.rdonly, '')
  }
}
