import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createApp, freshName, instance, type Instance } from './instance.js'

/** Whether any process of this machine has these words on its command line. */
const runs = (words: string): boolean =>
  readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').includes(words)
    } catch {
      return false // it ended meanwhile
    }
  })

const until = async (true_: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await true_())) await delay(100)
}

describe('a build that never ends and heeds no signal', () => {
  let berth: Instance
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
  })

  it('is cancelled while other apps go on: the pusher reads it, and nothing of it stays', async function () {
    this.timeout(180_000)
    const mark = `sleep 98765.${freshName('x').slice(2).replaceAll(/\D/g, '')}1`
    const endless = `FROM debian:bookworm-slim\nRUN trap '' TERM INT HUP; (setsid ${mark} &); while :; do ${mark}; done\n`
    const repos = await Promise.all([1, 2, 3].map(() => berth.repository({ Dockerfile: endless })))
    const names = await Promise.all(repos.map((repo) => createApp(berth, repo, 'endless')))
    const pushes = [repos[0]?.push(), repos[1]?.push()]
    await until(() => runs(mark))
    const status = async (name: string) =>
      (JSON.parse((await berth.berth(['builds', '-a', name, '--json'])).stdout) as { status: string }[])[0]?.status
    await until(
      async () => (await status(names[0] ?? '')) === 'building' && (await status(names[1] ?? '')) === 'building',
    )
    const third = repos[2]?.push()

    const other = freshName('other')
    expect((await berth.berth(['apps:create', other])).code).to.equal(0)
    expect((await berth.berth(['config:set', 'A=b', '-a', other])).code).to.equal(0)
    expect((await berth.berth(['apps:destroy', '-a', other, '--confirm', other])).code).to.equal(0)

    for (const name of [...names].reverse()) {
      const cancelled = await berth.berth(['builds:cancel', '-a', name])
      expect(cancelled.code, cancelled.stderr).to.equal(0)
      expect(cancelled.stderr).to.match(/Cancelling build \w+ of .*\.\.\. done/)
    }
    for (const push of [...pushes, third]) {
      const ended = await push
      expect(ended?.code).to.equal(1)
      expect(ended?.stderr).to.match(/! {5}cancelled by /)
    }
    expect((await third)?.stderr).to.include('Waiting for 2 builds ahead')
    await until(() => !runs(mark))
    expect((await berth.berth(['builds:cancel', '-a', names[0] ?? ''])).stderr).to.include('no build under way')
    expect(await status(names[0] ?? '')).to.equal('cancelled')
  })
})
