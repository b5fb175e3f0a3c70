import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rename, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { patience } from '../patience.js'
import { must, run } from '../run.js'
import { copyCheckout, openCheckout, type Checkout } from './checkout.js'
import type { Instance } from './instance.js'
import { underLoad } from './load.js'

describe('bin/up when something is amiss', function () {
  this.timeout(600_000)
  let disk: string
  let berth: Checkout
  before(async () => {
    disk = await mkdtemp(join(tmpdir(), 'berth-mishaps-'))
    await must('chmod', ['755', disk])
    await must('truncate', ['--size=6G', join(disk, 'image')])
    await must('mkfs.ext4', ['-q', '-m', '0', join(disk, 'image')])
    await must('mkdir', [join(disk, 'mnt')])
    await must('mount', ['-o', 'loop', join(disk, 'image'), join(disk, 'mnt')])
    berth = await openCheckout(join(disk, 'mnt'))
  })
  after(async () => {
    await berth[Symbol.asyncDispose]()
    await run('umount', ['--lazy', join(disk, 'mnt')]) // the kernel lets go of a namespace's mounts a moment after its end
    await rm(disk, { recursive: true, force: true })
  })
  const serves = async () => expect(await berth.answer('hello-node')).to.match(/^Hello .* 200$/s)

  it('killed at any moment it ends well when it is run again', async () => {
    await berth.upKilledAt('-----> Building', join(berth.place, 'dist.new'))
    for (const words of ['Starting Berth', 'Making the base image', 'Pushing examples/hello-node'])
      await berth.upKilledAt(`-----> ${words}`)
    const last = await berth.up()
    expect(last.code, last.stderr).to.equal(0)
    expect(last.stdout).to.include(`http://hello-node.localhost:${String(berth.port)}`)
    await serves()
    const halfMade = (await readdir(berth.place)).filter((name) => /^(dist|node_modules)\.|^\.install$/.test(name))
    expect(halfMade).to.deep.equal([])
  })

  it('finds its Berth from where the checkout was moved to, running or stopped, and loses no request', async () => {
    const move = async (name: string): Promise<void> => {
      await rename(berth.place, join(berth.dir, name))
      berth.place = join(berth.dir, name)
    }
    const config = loadConfig({ BERTH_ROOT: berth.env.BERTH_ROOT })
    const { sent, failures } = await underLoad({ config } as Instance, 'hello-node', 40, async () => {
      await move('moved')
      const running = await berth.up()
      expect(running.code, running.stderr).to.equal(0)
      expect(running.stderr).to.include('The checkout has moved')
    })
    expect(failures, `of ${sent}`).to.deep.equal([])
    expect((await berth.up()).stderr).to.include('running already')
    expect((await berth.berth('down')).code).to.equal(0)
    await move('moved-again')
    const stopped = await berth.up()
    expect(stopped.code, stopped.stderr).to.equal(0)
    await serves()
    const changed = await berth.berth('config:set', 'MOVED=twice', '-a', 'hello-node')
    expect(changed.code, changed.stderr).to.equal(0)
  })

  it('starts an instance that is there with little room on its disk, and says how little', async () => {
    const fill = join(berth.dir, 'fill')
    const { bavail, bsize } = await statfs(berth.dir)
    await must('fallocate', ['-l', String(bavail * bsize - 1_500_000_000), fill])
    try {
      const running = await berth.up()
      expect([running.code, /Only 14\d\d MB are free/.test(running.stderr)], running.stderr).to.deep.equal([0, true])
      expect((await berth.berth('down')).code).to.equal(0)
      const stopped = await berth.up()
      expect([stopped.code, /Only 14\d\d MB are free/.test(stopped.stderr)], stopped.stderr).to.deep.equal([0, true])
      await serves()
    } finally {
      await rm(fill)
    }
  })

  it('without a network it says which step failed, and what must be within reach', async () => {
    await using away = await openOffline()
    const dir = await mkdtemp(join(tmpdir(), 'berth-offline-'))
    await must('chmod', ['755', dir])
    const env = {
      ...{ ...berth.env, BERTH_NAME: `${berth.env.BERTH_NAME ?? ''}o`, BERTH_ROOT: join(dir, 'root') },
      ...{ BERTH_RUN: join(dir, 'run'), BERTH_CACHE: join(dir, 'cache'), BERTH_CONFIG_DIR: join(dir, 'credentials') },
      npm_config_cache: join(dir, 'npm'),
    }
    const inside = (program: string, ...args: string[]) =>
      away.run(program, args, { env, cwd: '/', timeoutMs: 400_000 })
    try {
      await copyCheckout(join(dir, 'fresh'), false)
      const began = Date.now()
      const fresh = await inside(join(dir, 'fresh/bin/up'))
      expect(Date.now() - began, 'ms: npm alone would ask for 72 s').to.be.below(60_000 * patience)
      expect(fresh.code, fresh.stderr).to.equal(1)
      expect(fresh.stderr).to.match(
        /▸ +npm could not install the packages[^]*▸ +the npm registry .* must be within reach/,
      )
      const left = (await readdir(join(dir, 'fresh'))).filter((name) => /^(\.install|node_modules|dist)/.test(name))
      expect(left).to.deep.equal([])

      const first = await inside(join(berth.place, 'bin/up'))
      expect(first.code, first.stderr).to.equal(1)
      expect(first.stderr).to.match(
        /▸ +Berth is up at \S+, but the base image debian:bookworm-slim could not be made: .*[^]*▸ +the Debian mirror/,
      )
    } finally {
      const { code, stderr } = await inside(join(berth.place, 'bin/berth'), 'down', '--all')
      await rm(dir, { recursive: true, force: true })
      expect(code, stderr).to.equal(0)
    }
  })
})

/** A network namespace with nothing but its own loopback. */
async function openOffline(): Promise<AsyncDisposable & { run: typeof run }> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  return {
    run: (program, args, options) =>
      run('nsenter', [`--net=/proc/${String(holder.pid)}/ns/net`, program, ...args], options),
    [Symbol.asyncDispose]: async () => {
      holder.kill('SIGKILL')
      await once(holder, 'exit')
    },
  }
}
