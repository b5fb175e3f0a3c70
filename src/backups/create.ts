import { pipeline } from 'node:stream/promises'
import { Writable } from 'node:stream'
import { BerthError } from '../errors.js'
import type { Backup } from '../store/backups.js'
import type { BackupRepository } from './repository.js'
import { openSpool } from './spool.js'
import { dumpSubject } from './subjects.js'
import type { BackupDeps, RunningTask } from './task.js'

/**
 * Makes a backup: a dump to the spool, whole; from there to the repository; and all of it read again from there. Only then it counts.
 * @throws BerthError why there is none
 */
export async function createBackup(deps: BackupDeps, repository: BackupRepository, task: RunningTask): Promise<Backup> {
  const { job, signal } = task
  const { subject } = job
  if (subject === null) throw new BerthError('invalid', 'nothing was named to back up')
  const began = Date.now()
  await task.step('dumping', null)
  await using spool = await openSpool(deps.config, job.id, task.onBytes)
  const dumped = await dumpSubject(deps, subject, spool.output, signal)
  const sum = spool.sum()
  const of = { id: job.id, subject, ...dumped, at: new Date(began).toISOString(), cause: job.cause, ...sum }
  await task.step('saving', sum.bytes)
  const saved = await repository.save(spool.file, of, task)
  const backup: Backup = {
    ...{ ...of, ...saved, repository: repository.id, ms: Date.now() - began, proven: null, failure: null },
  }
  await task.step('reading it again', sum.bytes)
  try {
    await readAgain(repository, backup, task)
  } catch (error) {
    if (!signal.aborted) await repository.forget([saved.snapshot], signal).catch(() => undefined)
    throw error
  }
  await deps.store.backups.add({ ...backup, ms: Date.now() - began })
  return backup
}

/** @throws BerthError where a part of it is lost */
async function readAgain(
  repository: BackupRepository,
  backup: Backup,
  { signal, onBytes }: RunningTask,
): Promise<void> {
  let bytes = 0
  const nowhere = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      onBytes((bytes += chunk.length))
      done()
    },
  })
  await pipeline(repository.read(backup, signal), nowhere)
}
