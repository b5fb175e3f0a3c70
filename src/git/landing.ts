import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deploy } from '../store/deploys.js'
import { git, must } from './git.js'
import { adoptObjects, readLanded, writeLanded, type Push } from './pushes.js'
import { readRef } from './repository.js'

/**
 * Moves a ref to the commit of a push whose deploy succeeded, unless a later release has moved it on. Safe to repeat, and
 * the same whether receive-pack lives, and has brought the objects in, or was killed. The caller serialises an app's.
 */
export async function land(repository: string, push: Push, deploy: Deploy): Promise<void> {
  const { ref, new: commit } = push.command
  const landed = await readLanded(repository)
  const release = deploy.release ?? 0
  if ((landed[ref]?.release ?? -1) > release) return
  if ((await readRef(repository, ref)) !== commit) {
    const moved = await git(repository, ['update-ref', ref, commit])
    if (moved.code !== 0) {
      await adoptObjects(repository, push.id)
      await must(repository, ['update-ref', ref, commit])
    }
    await pointHead(repository, ref)
  }
  await writeLanded(repository, { ...landed, [ref]: { release, commit } })
}

/** A clone checks out what was deployed last. */
async function pointHead(repository: string, ref: string): Promise<void> {
  const head = `ref: ${ref}\n`
  const file = join(repository, 'HEAD')
  if ((await readFile(file, 'utf8').catch(() => '')) === head) return
  await writeFile(`${file}.new`, head)
  await rename(`${file}.new`, file)
}
