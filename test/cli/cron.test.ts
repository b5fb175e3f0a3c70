import { expect } from 'chai'
import { lineOf } from '../../src/cli/cron.js'
import type { CronEntryView } from '../../src/api/contract.js'
import { setCli } from './rig.js'

describe('cron on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth, json } = cli

  it('adds, lists, pauses, resumes and removes', async () => {
    await cli.api.pushed('clock')
    expect((await berth(['cron', '-a', 'clock'])).stderr).to.include('clock has no cron entries')
    const added = await berth(['cron:add', '@daily', '-a', 'clock', '--', 'echo', 'a b'])
    expect(added.code, added.stderr).to.equal(0)
    const [entry] = (await json(['cron:list', '-a', 'clock', '--json'])) as CronEntryView[]
    const id = entry?.id ?? ''
    expect(entry).to.include({ command: "echo 'a b'", schedule: '@daily' })
    expect(added.stderr).to.match(new RegExp(`^Added ${id} to clock: it runs next at \\d{4}-`))
    expect((await berth(['cron', '-a', 'clock'])).stdout).to.match(
      new RegExp(`^ID .*\\n${id}  @daily    \\d{4}-\\S+ \\S+  never     echo 'a b'\\n$`, 'm'),
    )
    expect((await berth(['cron:pause', '--all', '-a', 'clock'])).stderr).to.equal(`Paused ${id}\n`)
    expect((await berth(['cron', '-a', 'clock'])).stdout).to.include('paused (cron:pause)')
    expect((await berth(['cron:resume', id, '-a', 'clock'])).stderr).to.include(`${id} runs next at`)
    expect((await berth(['cron:log', id, '-a', 'clock'])).stderr).to.include('has not run yet')
    const run = await berth(['cron:run', id, '--detach', '-a', 'clock'])
    expect(run.stderr).to.match(/^Running echo 'a b' of clock as /)
    expect((await berth(['cron:log', id, '-a', 'clock'])).stdout)
      .to.include('queued')
      .and.include('by rig')
    expect((await berth(['cron:stop', id, '-a', 'clock'])).stderr).to.match(/^Ending \S+ of clock\.\.\.\n\S+ ended\n$/)
    expect((await berth(['cron:stop', id, '-a', 'clock'])).stderr).to.include(`${id} does not run now`)
    expect((await berth(['cron:remove', id, '-a', 'clock'])).stderr).to.equal(`Removed ${id}\n`)
  })

  it('says what is wrong', async () => {
    await cli.api.pushed('wrong')
    const failed = async (...args: string[]) => (await berth([...args, '-a', 'wrong'])).stderr
    expect(await failed('cron:add', '* * * *', 'x')).to.include('it has 4 fields, not five')
    expect(await failed('cron:add', '@daily', 'x', '--concurrency', 'maybe')).to.include('allow, forbid, replace')
    expect(await failed('cron:pause')).to.include('no entry named')
    expect(await failed('cron:run', '1a2b3c4d')).to.include('wrong has no cron entry 1a2b3c4d')
    expect(await failed('cron:log', 'x')).to.include('8 hexadecimal digits')
  })

  it('makes one line of words', () => {
    expect(lineOf(['a && b | c'])).to.equal('a && b | c')
    expect(lineOf(['node', 'task.js', "it's", '$HOME', ''])).to.equal(`node task.js 'it'\\''s' '$HOME' ''`)
  })
})
