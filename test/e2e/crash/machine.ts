import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestEngine } from '../engine/harness.js'
import { type Disk, mountings } from './disk.js'

/** Takes away what is lost with the power, beside what was not synced: every process, what the kernel holds, and what is in memory. */
export async function goDown(engine: TestEngine, disk: Disk, mounting: string): Promise<void> {
  disk.cut()
  await comeUp(engine, disk, mounting)
  await engine.destroy()
  const memory = join(engine.dir, 'run')
  for (const name of readdirSync(memory)) await rm(join(memory, name), { recursive: true })
}

/** Ends every process, and mounts the disk again. */
export async function comeUp(engine: TestEngine, disk: Disk, mounting: string = mountings[0]): Promise<void> {
  await engine.stop('SIGKILL')
  await endProcesses(engine)
  await disk.mountAgain(mounting)
}

async function endProcesses(engine: TestEngine): Promise<void> {
  for (const deadline = Date.now() + 10_000; ;) {
    const left = processes(engine)
    if (left.length === 0) return
    if (Date.now() > deadline) throw new Error(`processes ${left.join()} do not end`)
    for (const pid of left)
      try {
        thaw(pid)
        process.kill(pid, 'SIGKILL')
      } catch {
        // it has just ended
      }
    await sleep(10)
  }
}

/** What a commit has frozen does not end, below cgroup v1. */
function thaw(pid: number): void {
  const [, group] = /^\d+:freezer:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? []
  if (group !== undefined && group !== '/') writeFileSync(`/sys/fs/cgroup/freezer${group}/freezer.state`, 'THAWED')
}

function processes({ name, dir }: TestEngine): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    const read = (file: string): string => readFileSync(`/proc/${entry}/${file}`, 'utf8')
    try {
      const ours = read('cgroup').includes(`/berth-${name}/`) || read('cmdline').includes(`${dir}/run/`)
      return ours && !/^State:\s+Z/m.test(read('status')) ? [Number(entry)] : []
    } catch {
      return [] // it has just ended
    }
  })
}
