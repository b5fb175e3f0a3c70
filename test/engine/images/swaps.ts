import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What is swapped for a link, and back, for as long as it lasts. */
export interface Swap {
  /** A file, which is never not there, or a directory. */
  readonly place: string
  /** Where the link leads. */
  readonly target: string
  /** An empty directory of the same file system. */
  readonly aside: string
  /** The longest pause between two swaps, in milliseconds; most are much shorter. */
  readonly pauseMs: number
}

/** Renaming over a file leaves no moment without one; a directory must be moved away first. */
const program = `
const { linkSync, lstatSync, renameSync, rmSync, symlinkSync } = require('node:fs')
const { place, target, aside, pauseMs } = JSON.parse(process.argv[1])
const real = aside + '/real', link = aside + '/link'
const pause = () => pauseMs > 0 && Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() ** 6 * pauseMs)
const directory = lstatSync(place).isDirectory()
if (!directory) linkSync(place, real)
process.stdout.write('swaps')
for (;;) {
  symlinkSync(target, link)
  if (directory) renameSync(place, real)
  renameSync(link, place)
  pause()
  if (directory) {
    rmSync(place)
    renameSync(real, place)
  } else {
    linkSync(real, link)
    renameSync(link, place)
  }
  pause()
}
`

/** Processes that swap until they are disposed of, which puts everything back. */
export interface Swaps extends AsyncDisposable {
  /** None has ended by itself. */
  go(): boolean
}

/** Swaps each in a process of its own. */
export async function swapping(...swaps: readonly Swap[]): Promise<Swaps> {
  const children = swaps.map((swap) =>
    spawn(process.execPath, ['-e', program, JSON.stringify(swap)], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  await Promise.all(children.map((child) => Promise.race([once(child.stdout, 'data'), once(child, 'exit')])))
  const going = () => children.filter(({ exitCode }) => exitCode === null)
  return {
    go: () => going().length === children.length,
    [Symbol.asyncDispose]: async () => {
      const gone = going().map((child) => once(child, 'exit'))
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(gone)
      for (const swap of swaps) restore(swap)
    },
  }
}

function restore({ place, aside }: Swap): void {
  const real = join(aside, 'real')
  if (existsSync(real)) {
    rmSync(place, { recursive: true, force: true })
    renameSync(real, place)
  }
  rmSync(join(aside, 'link'), { force: true })
}
