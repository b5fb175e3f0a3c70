import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { must, run } from '../run.js'
import { answering } from './apps.js'
import { createApp, startInstance, type Instance } from './instance.js'

describe('a disk that fills up while building', function () {
  this.timeout(300_000)
  let disk: string
  let berth: Instance | undefined
  before(async () => {
    disk = await mkdtemp(join(tmpdir(), 'berth-disk-'))
    await must('chmod', ['755', disk]) // the platform's account must reach what is below
    await must('truncate', ['--size=1500M', join(disk, 'image')])
    await must('mkfs.ext4', ['-q', join(disk, 'image')])
    await must('mkdir', [join(disk, 'mnt')])
    await must('mount', ['-o', 'loop', join(disk, 'image'), join(disk, 'mnt')])
    berth = await startInstance({ parent: join(disk, 'mnt') })
  })
  after(async () => {
    await berth?.[Symbol.asyncDispose]()
    await run('umount', ['--lazy', join(disk, 'mnt')]) // the kernel lets go of a namespace's mounts a moment after its end
    await rm(disk, { recursive: true, force: true })
  })

  it('rejects the push with a clear error; the app stays up, and the next push works', async () => {
    if (!berth) throw new Error('no instance')
    const repo = await berth.repository(answering('before'))
    const name = await createApp(berth, repo, 'full')
    const first = await repo.push()
    expect(first.code, first.stderr).to.equal(0)
    await repo.commit({ Dockerfile: 'FROM debian:bookworm-slim\nRUN head -c 3G /dev/zero > /fill\n' })
    const push = await repo.push()
    expect(push.code).to.equal(1)
    expect(push.stderr).to.match(/no space left/i)
    expect((await berth.curl(name)).body).to.equal('before')
    await repo.commit({ Dockerfile: null, ...answering('after') })
    const next = await repo.push()
    expect(next.code, next.stderr).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('after')
  })
})
