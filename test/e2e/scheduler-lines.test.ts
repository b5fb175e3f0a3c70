import { expect } from 'chai'
import { cutMark, longestLine } from '../../src/lib/lines.js'
import type { LogLine } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import { perlServer, until } from '../scheduler/describe-scheduler.js'
import { setStage } from './scheduler-stage.js'

const size = { memory: 256 * 1024 * 1024, cpus: 1 }
const never = new AbortController().signal

describe('long lines', () => {
  const stage = setStage()

  const last = async (app: App, lines: number): Promise<LogLine[]> => {
    const read: LogLine[] = []
    const options = { lines, process: 'worker', follow: false, signal: never }
    for await (const line of stage.scheduler.logs(app, options)) read.push(line)
    return read
  }

  const says = (name: string, code: string): Promise<App> =>
    stage.deployed(name, {
      processTypes: { worker: 'perl -e "$CODE"; sleep 1000' },
      formation: { worker: { quantity: 1, ...size } },
      config: { CODE: code },
    })

  it('are whole, stamped once and counted once, in what was and in what comes', async () => {
    const pieces = `for ('in ', 'several ', "pieces\\n") { print; select undef, undef, undef, 0.1 }`
    const code = `$| = 1; sub say_all { ${pieces} print "one\\n", 'x ' x 25_000, "\\n", "three\\n"; print STDERR 'e' x 20_000, "\\n" }
      say_all; sleep 4; say_all; print "end\\n"`
    const app = await says('wide', code)
    const short = ({ text }: LogLine) => `${text.slice(0, 5)} ${text.length}`
    const five = ['eeeee 20000', 'in se 17', 'one 3', 'three 5', 'x x x 50000']
    const before = await until('the lines', async () => {
      const lines = await last(app, 100)
      return lines.length >= 5 && lines
    })
    expect(before.map(short).sort()).to.deep.equal(five)
    for (const { time } of before) expect(time).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    for (const count of [1, 2, 3])
      expect((await last(app, count)).map(short)).to.deep.equal(before.map(short).slice(-count))

    const followed: string[] = []
    const stop = new AbortController()
    const options = { lines: 2, process: 'worker', follow: true, signal: stop.signal }
    for await (const line of stage.scheduler.logs(app, options)) {
      followed.push(short(line))
      // the end may overtake what the other stream said before it
      if (followed.length === 2 + five.length + 1) stop.abort()
    }
    expect(followed.slice(0, 2)).to.deep.equal(before.map(short).slice(-2))
    expect(followed.slice(2).sort()).to.deep.equal([...five, 'end 3'].sort())
  })

  it('that never end stall nothing, and take no memory', async () => {
    const web = await stage.deployed('bystander', { config: { CODE: perlServer, WORD: 'hello' } })
    const endless = (mebibytes: number) => `$| = 1; print 'x' x 1_048_576 for 1..${mebibytes}`
    const app = await says('endless', `${endless(100)}; print "\\nlast\\n"; sleep 1000`)
    let slowest = 0
    let most = 0
    const over = new AbortController()
    const look = (async () => {
      while (!over.signal.aborted) {
        const began = Date.now()
        expect((await stage.rig.get(web)).status).to.equal(200)
        slowest = Math.max(slowest, Date.now() - began)
        most = Math.max(most, process.memoryUsage().rss)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
    const before = process.memoryUsage().rss
    const said: string[] = []
    const output = { log: (text: string) => said.push(text), signal: never }
    const release = await stage.rig.release(web, { config: { CODE: endless(200) } })
    const line = 'perl -e "$CODE"; echo; echo done'
    expect(
      await stage.scheduler.runOnce(web, release, { name: 'release.2', type: 'release', command: line }, output),
    ).to.equal(0)
    expect(said).to.deep.equal(['x'.repeat(longestLine) + cutMark, 'done'])
    const end = await until(
      'the end of the line',
      async () => {
        const lines = await last(app, 3)
        return lines.at(-1)?.text === 'last' && lines
      },
      60_000,
    )
    // what is left of it after rotation is a line of its own
    expect(end.at(-2)?.text).to.equal('x'.repeat(longestLine) + cutMark)
    over.abort()
    await look
    expect(slowest, 'ms for a request to another app').to.be.below(2_000)
    expect(most - before, 'bytes').to.be.below(150 * 1024 * 1024)
    if (process.env.DBG) console.log({ slowest, most: (most - before) / 1e6 })
  })
})
