import { expect } from 'chai'
import { once } from 'node:events'
import { constants } from 'node:os'
import { spawn } from 'node:child_process'
import { hears, isEnding, startTime } from '../../../src/engine/system/process.js'

/** What it holds takes the kernel milliseconds to give back, before it closes its files. */
const large = '$| = 1; my $held = "x" x 3e8; print "x"; sleep'

/** Kills a process, and tells what looks at it said while it was still there. */
async function looksAtKilled(): Promise<boolean[]> {
  // its end must not come before the killer's next line
  const child = spawn('nice', ['-n', '19', 'perl', '-e', large], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { pid = 0 } = child
  const exit = once(child, 'exit')
  await once(child.stdout, 'data')
  expect(startTime(pid)).to.match(/^\d+$/)
  expect(isEnding(pid)).to.equal(false)

  process.kill(pid, 'SIGKILL')
  const looks: boolean[] = []
  // in one turn of the loop: it must not be reaped before it was seen
  for (;;) {
    const ending = isEnding(pid)
    if (startTime(pid) === '') break
    looks.push(ending)
  }
  expect(isEnding(pid)).to.equal(true)
  await exit
  expect(isEnding(pid)).to.equal(true)
  return looks
}

describe('a process', () => {
  it('hears what it has a handler for, and what it keeps for later', async () => {
    const script =
      'use POSIX; $SIG{USR1} = sub {}; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR2)); $SIG{HUP} = "IGNORE"'
    const child = spawn('perl', ['-e', `${script}; $| = 1; print "x"; sleep`], { stdio: ['ignore', 'pipe', 'inherit'] })
    const { pid = 0 } = child
    await once(child.stdout, 'data')
    const heard = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const
    expect(heard.filter((name) => hears(pid, constants.signals[name]))).to.deep.equal(['SIGUSR1', 'SIGUSR2'])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(hears(pid, constants.signals.SIGUSR1)).to.equal(false)
  })

  it('that was killed is ending for as long as it is still there', async () => {
    let looks: boolean[] = []
    // where its end comes before the killer goes on, there is nothing to see
    for (let tries = 0; tries < 50 && !looks.includes(true); tries++) looks = await looksAtKilled()
    expect(looks).to.include(true)
    expect(looks.slice(looks.indexOf(true))).to.not.include(false)
  })

  it('that never was has ended', () => {
    expect(isEnding(2 ** 30)).to.equal(true)
    expect(startTime(2 ** 30)).to.equal('')
  })
})
