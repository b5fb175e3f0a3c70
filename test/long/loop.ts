import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestEngine } from '../e2e/engine/harness.js'
import { eventually } from '../e2e/engine/harness.js'

/**
 * What is run in the daemon before its own code: for how long its loop is kept at most by one turn, counted in the time
 * that the thread was on a processor (proc_pid_schedstat), so that a busy machine does not count.
 */
const probe = `
import { readFileSync, writeFileSync, renameSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
const place = process.env.BERTH_LOOP_PROBE
if (isMainThread && place) {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const spent = () => Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
  let last = spent(), most = 0
  setInterval(() => {
    const now = spent()
    most = Math.max(most, now - last)
    last = now
  }, 5).unref()
  process.on('SIGUSR2', () => {
    writeFileSync(place + '.new', JSON.stringify({ most, delay: delay.max / 1e6 }))
    renameSync(place + '.new', place)
    most = 0
    delay.reset()
  })
}`

/** The environment of an engine whose loop is watched, which tells of it in a file. */
export const watched = (place: string): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(probe)}`,
  BERTH_LOOP_PROBE: place,
})

/** The longest turn of the loop since the last time it was asked, ms: on a processor, and by the clock. */
export async function longestTurn(engine: TestEngine, place: string): Promise<{ most: number; delay: number }> {
  await rm(place, { force: true })
  process.kill(engine.pid(), 'SIGUSR2')
  let told = ''
  await eventually(async () => (told = await readFile(place, 'utf8').catch(() => '')) !== '', 'the answer of the probe')
  return JSON.parse(told) as { most: number; delay: number }
}

/** Where the probe of a directory tells. */
export const placeIn = (directory: string): string => join(directory, 'loop.json')
