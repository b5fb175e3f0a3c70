import { expect } from 'chai'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../../run.js'
import { base, eventually, openEngine, oracle, type TestEngine } from './harness.js'

describe('containers, whose engine is killed', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let engine: TestEngine
  before(async () => (engine = await openEngine()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())
  const state = async (name: string, field: string): Promise<string> =>
    engine.must('inspect', '-f', `{{.State.${field}}}`, name)

  it('live on, and are found again with the exit codes of what ended meanwhile', async () => {
    const talk = 'while :; do echo tick; sleep 0.1; done'
    await engine.must('run', '-d', '--name', 'stays', '-p', '127.0.0.1::80', base, 'sh', '-c', talk)
    await engine.must('run', '-d', '--name', 'ends', base, 'sh', '-c', 'read x < /tmp/go; exit 6')
    await engine.must('exec', 'ends', 'mkfifo', '/tmp/go').catch(() => '')
    await engine.must('run', '-d', '--name', 'gone', base, 'sh', '-c', 'sleep 1; exit 6')
    await engine.must('run', '-d', '--name', 'again', '--restart', 'always', base, 'sh', '-c', 'sleep 1; exit 6')
    const pid = await state('stays', 'Pid')
    const again = await state('again', 'Pid')
    await engine.stop('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await engine.boot()
    expect(await state('stays', 'Pid')).to.equal(pid)
    expect(await engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'gone')).to.equal('exited 6')
    await eventually(async () => !['0', again].includes(await state('again', 'Pid')), 'the restart')
    const ticks = async () => (await engine.must('logs', 'stays')).split('\n').length
    const seen = await ticks()
    await eventually(async () => (await ticks()) > seen, 'a tick')
    expect(await engine.must('exec', 'stays', 'echo', 'hi')).to.equal('hi')
    await engine.must('stop', '-t', '0', 'stays')
    expect(await state('stays', 'ExitCode')).to.equal('137')
  })

  it('go on with commands run in them, and have no other processes', async () => {
    await engine.must('run', '-d', '--name', 'entered', base, 'sleep', '301')
    await engine.must('exec', '-d', 'entered', 'sleep', '302')
    await engine.stop('SIGKILL')
    await engine.boot()
    const rows = (await engine.must('top', 'entered', '-eo', 'pid,args')).split('\n').slice(1)
    expect(rows.map((row) => row.trim().replace(/^\d+ +/, ''))).to.have.members(['sleep 301', 'sleep 302'])
    await engine.must('rm', '-f', 'entered')
    expect(await engine.traces()).to.be.empty
  })

  it('keep their --rm', async () => {
    await engine.must('run', '-d', '--rm', '--name', 'brief', base, 'sleep', '0.5')
    // for all that the disk knows after a power cut, one that came and went was never started
    await engine.must('create', '--rm', '--name', 'brief-too', base, 'true')
    await engine.stop('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 800))
    await engine.boot()
    await eventually(async () => (await engine.must('ps', '-aq', '--filter', 'name=brief')) === '', 'the removal')
  })

  it('run their program or do not, but never wait for ever, whenever in a start it was killed', async () => {
    await engine.must('create', '--name', 'halfway', base, 'sleep', '300')
    for (let after = 0; after < 120; after += 10) {
      const starting = engine.start('start', 'halfway')
      await new Promise((resolve) => setTimeout(resolve, after))
      await engine.stop('SIGKILL')
      if (starting.exitCode === null) await once(starting, 'exit')
      await engine.boot()
      if ((await state('halfway', 'Running')) === 'false') continue
      const pid = await state('halfway', 'Pid')
      await eventually(async () => (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'sleep', 'the program')
      await engine.must('kill', 'halfway')
    }
    await engine.docker('start', 'halfway')
    expect(await engine.must('exec', 'halfway', 'echo', 'hi')).to.equal('hi')
  })

  it('end, and say so, when their conmon is killed', async () => {
    await engine.must('run', '-d', '--name', 'orphan', '--restart', 'on-failure:1', base, 'sleep', '300')
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'orphan')
    const pid = await state('orphan', 'Pid')
    process.kill(Number(await readFile(join(engine.dir, 'run/c', id, 'conmon.pid'), 'utf8')), 'SIGKILL')
    await eventually(async () => !['0', pid].includes(await state('orphan', 'Pid')), 'the restart')
    process.kill(Number(await readFile(join(engine.dir, 'run/c', id, 'conmon.pid'), 'utf8')), 'SIGKILL')
    expect(await engine.must('wait', 'orphan')).to.equal('137')
    expect(await engine.must('start', 'orphan')).to.equal('orphan')
    await engine.must('rm', '-f', 'orphan')
  })

  it('end with an engine that is destroyed, frozen ones too', async () => {
    await engine.must('run', '-d', '--name', 'frozen', base, 'sleep', '300')
    await engine.must('pause', 'frozen')
    await engine.stop('SIGTERM')
    await engine.destroy()
    expect(await engine.traces()).to.deep.equal([])
    await engine.boot()
    expect(await state('frozen', 'Status')).to.equal('exited')
    await engine.must('rm', 'frozen')
  })

  it('leave nothing behind', async () => {
    await engine.must('run', '-d', '--name', 'nn', '-p', '127.0.0.1::80', '-v', '/data', base, 'sleep', '300')
    await engine.docker('run', '--rm', base, 'true')
    await engine.docker('run', '--rm', base, 'nosuch')
    await engine.must('rm', '-fv', 'nn')
    expect(await engine.traces()).to.deep.equal([])
    expect(await engine.must('volume', 'ls', '-q')).to.equal('')
    expect(
      await must('find', [join(engine.dir, 'root/containers'), join(engine.dir, 'run/c'), '-mindepth', '1']),
    ).to.equal('')
  })
})
