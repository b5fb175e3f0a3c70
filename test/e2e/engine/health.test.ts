import { expect } from 'chai'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

interface Health {
  readonly Status: string
  readonly FailingStreak: number
  readonly Log: readonly { Start: string; End: string; ExitCode: number; Output: string }[]
}

describe('health checks', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  before(async () => (engine = await openDocker()))
  after(() => engine[Symbol.asyncDispose]())
  afterEach(() => engine.clear())
  const health = async (name: string) =>
    JSON.parse(await engine.must('inspect', '-f', '{{json .State.Health}}', name)) as Health
  const start = (name: string, command: string, ...flags: string[]) =>
    engine.must(
      'run',
      '-d',
      '--name',
      name,
      '--health-cmd',
      command,
      '--health-interval',
      '200ms',
      ...flags,
      base,
      'sleep',
      '300',
    )

  it('tell what they said, the last five times', async () => {
    await start('hh', 'echo $((1+1)); exit 3', '--health-retries', '2')
    await eventually(async () => (await health('hh')).Log.length === 5, 'five results')
    const { Status, FailingStreak, Log } = await health('hh')
    expect(Status).to.equal('unhealthy')
    expect(FailingStreak).to.be.greaterThan(4)
    for (const { ExitCode, Output, Start, End } of Log) {
      expect({ ExitCode, Output }).to.deep.equal({ ExitCode: 3, Output: '2\n' })
      expect(Date.parse(End)).to.be.at.least(Date.parse(Start))
    }
  })

  it('that take too long, or cannot be started, have failed', async () => {
    await start('slow', 'sleep 60', '--health-timeout', '300ms', '--health-retries', '1')
    await eventually(async () => (await health('slow')).Status === 'unhealthy', 'ill health')
    expect((await health('slow')).Log[0]).to.include({ ExitCode: -1 })
    expect((await health('slow')).Log[0]?.Output).to.include('Health check exceeded timeout')
  })

  it('are not counted while it starts', async () => {
    await start('young', 'false', '--health-start-period', '60s', '--health-retries', '1')
    await eventually(async () => (await health('young')).Log.length > 0, 'a result')
    expect((await health('young')).Status).to.equal('starting')
  })

  it('go on where they were when the daemon comes again', async function () {
    if (oracle) return this.skip() // its containers end with it
    await start('hh', 'test -e /well', '--health-retries', '2')
    await eventually(async () => (await health('hh')).Status === 'unhealthy', 'ill health')
    await engine.stop('SIGKILL')
    await engine.boot()
    const { Status, FailingStreak, Log } = await health('hh')
    expect(Status).to.equal('unhealthy')
    expect(FailingStreak).to.be.greaterThan(1)
    expect(Log.length).to.be.greaterThan(1)
    await engine.must('exec', 'hh', 'touch', '/well')
    await eventually(async () => (await health('hh')).Status === 'healthy', 'health')
    await engine.must('restart', '-t', '0', 'hh')
    expect((await health('hh')).FailingStreak).to.equal(0)
  })
})
