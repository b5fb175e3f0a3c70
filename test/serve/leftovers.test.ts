import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { endPushes } from '../../src/serve/leftovers.js'

describe('what git still runs for pushes', () => {
  const root = `/nowhere/berth ${String(process.pid)}`
  const config = loadConfig({ BERTH_ROOT: root, BERTH_RUN: '/nowhere/run' })

  /** A process with such words on its command line, once it runs. */
  const start = async (...words: string[]) => {
    const args = ['-c', 'echo; read -r line', ...words]
    const child = spawn('sh', args, { stdio: ['pipe', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    return child
  }

  it('is ended, and nothing of another instance is', async () => {
    const [receive, hook] = await Promise.all([
      start('git-receive-pack', `${root}/git/a.git`),
      start(`${root}/git/hooks/pre-receive`),
    ])
    const others = await Promise.all([
      start('git-receive-pack', `${root}x/git/a.git`),
      start('editor', `${root}/log/api.log`),
    ])
    const ended = [receive, hook].map((child) => once(child, 'exit'))
    await endPushes(config)
    expect((await Promise.all(ended)).map(([, signal]) => signal as string)).to.deep.equal(['SIGTERM', 'SIGTERM'])
    expect(others.map((child) => child.exitCode ?? child.signalCode)).to.deep.equal([null, null])
    for (const child of others) child.kill('SIGKILL')
    await endPushes(config)
  })
})
