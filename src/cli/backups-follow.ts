import type { BackupJobView } from '../api/contract.js'
import { BerthError } from '../errors.js'
import { bytesInWords } from '../lib/bytes.js'
import { harmless } from '../lib/terminal.js'
import { say } from './output.js'
import type { Session } from './session.js'

/** `saving: 1.2 GiB of 4.0 GiB, 40 s left` */
export function progressOf({ note, bytes, total, since }: BackupJobView, now = Date.now()): string {
  if (note === null) return 'waiting for what was asked before'
  if (bytes === 0 && total === null) return note
  if (total === null) return `${note}: ${bytesInWords(bytes)}`
  const done = `${note}: ${bytesInWords(bytes)} of ${bytesInWords(total)}`
  const seconds = since === null ? 0 : (now - Date.parse(since)) / 1000
  if (bytes === 0 || bytes >= total || seconds < 1) return done
  return `${done}, ${Math.ceil(((total - bytes) / bytes) * seconds)} s left`
}

/**
 * Says what is being done, how far it is and how it ended. A terminal has it in one line; else there is a line for each step.
 * @param cancelled whether that is a good end
 * @throws BerthError why it failed
 */
export async function followBackup(
  { client }: Session,
  text: string,
  request: Promise<BackupJobView>,
  { cancelled = false } = {},
): Promise<BackupJobView> {
  const { isTTY } = process.stderr
  process.stderr.write(`${text}... ${isTTY ? '' : '\n'}`)
  try {
    const { id } = await request
    const steps = await client.backups.progress({ job: id })
    let told = ''
    for (let next = await steps.next(); ; next = await steps.next()) {
      if (next.done === true) return over(next.value, { cancelled, text })
      const line = harmless(progressOf(next.value))
      if (isTTY) process.stderr.write(`\r\x1b[K${text}... ${line}`)
      else if (next.value.note !== null && next.value.note !== told) say(`       ${(told = next.value.note)}`)
    }
  } catch (error) {
    say(isTTY ? ' !' : '!')
    throw error
  }
}

function over(job: BackupJobView, { cancelled, text }: { readonly cancelled: boolean; readonly text: string }) {
  if (job.state === 'failed') throw new BerthError('broken', job.failure ?? 'it failed', 'what was there before stays')
  if (job.state === 'cancelled' && !cancelled)
    throw new BerthError('conflict', 'it was called off', 'what was there before stays')
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}... `)
  say('done')
  return job
}
