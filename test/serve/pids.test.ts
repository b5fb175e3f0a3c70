import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { endProcess, identify, isAlive, signalProcess } from '../../src/serve/pids.js'
import { run, typescript } from '../run.js'

describe('a process that is not our child', () => {
  it('is ended, killed where it does not heed, and may be gone already', async () => {
    const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo; while :; do sleep 1; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(stubborn.stdout, 'data') // the trap is set
    const pid = identify(stubborn.pid ?? 0)
    await endProcess(pid, 50)
    expect(isAlive(pid)).to.equal(false)
    await endProcess(pid, 50)
    signalProcess(pid, 'SIGTERM')
  })

  it('of another user is not waited for: what to do is said at once', async () => {
    const others = spawn('sleep', ['60'], { stdio: 'ignore' })
    await once(others, 'spawn')
    const script = `import { endProcess, identify } from ${JSON.stringify(new URL('../../src/serve/pids.ts', import.meta.url).href)}
      await endProcess(identify(${String(others.pid)}), 60_000).catch((error) => console.log(error.fault, error.message, error.hint))`
    const args = ['--reuid=65534', '--clear-groups', process.execPath, typescript, '--input-type=module', '-e', script]
    const said = await run('setpriv', args, { timeoutMs: 20_000 })
    others.kill('SIGKILL')
    expect(said.stdout, said.stderr).to.match(/^denied process \d+ is another user's run it with sudo/)
  })
})
