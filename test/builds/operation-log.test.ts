import { readFile, stat } from 'node:fs/promises'
import { expect } from 'chai'
import { cutMark } from '../../src/lib/lines.js'
import { OperationLog } from '../../src/builds/operation-log.js'
import { secretsOf } from '../../src/lib/mask.js'
import { operationFiles } from '../../src/builds/files.js'
import { queueRig, type QueueRig } from '../queue/rig.js'

describe('the log of a deploy', () => {
  let rig: QueueRig
  before(async () => (rig = await queueRig()))
  after(() => rig[Symbol.asyncDispose]())

  const secrets = [
    'hunter2-hunter2',
    ...secretsOf({ SIGNING_KEY: 'BEGIN KEY\nabcdefghij\nEND KEY', GREETING: 'hello there' }),
  ]
  const written = async (id: string, write: (log: OperationLog) => Promise<void> | void): Promise<string> => {
    const log = await OperationLog.open(rig.config, rig.store, id, secrets)
    await write(log)
    await log.close()
    return readFile(operationFiles(rig.config, id).log, 'utf8')
  }

  it('has no secrets that come up while it is written', async () => {
    const log = await written('made', (log) => {
      log.output('made: a-new-secret-value')
      log.hide({ SESSION_SECRET: 'a-new-secret-value', GREETING: 'good-morning-all' })
      log.output('made: a-new-secret-value, good-morning-all')
    })
    expect(log).to.equal('       made: a-new-secret-value\n       made: [secret], good-morning-all\n')
  })

  it('has neither secrets nor what a terminal would obey', async () => {
    const log = await written('secrets', (log) => {
      log.output('the password is hunter2-hunter2, hello there')
      log.output('  abcdefghij')
      log.output('\u001b[31mred\u001b]52;c;eA==\u0007')
      log.step('progress 1%\rprogress 2%')
      log.output(`${'x'.repeat(50)}hunter2-hun${cutMark}`)
    })
    expect(log.split('\n')).to.deep.equal([
      '       the password is [secret], hello there',
      '         [secret]',
      '       \u001b[31mred\u001b[0m',
      '-----> progress 1%',
      'progress 2%',
      `       ${'x'.repeat(50)}[secret]${cutMark}`,
      '',
    ])
  })

  it('has a budget for output, keeps its end, and says what is not there', async () => {
    const line = 'y'.repeat(1000)
    const log = await written('flood', async (log) => {
      for (let i = 0; i < 100_000; i += 1) {
        log.output(`${line} ${i}`)
        await log.room()
      }
      log.problem('it failed')
    })
    expect(log.length).to.be.below(8_600_000)
    const lines = log.trimEnd().split('\n')
    expect(lines.at(-1)).to.equal(' !     it failed')
    expect(lines.at(-2)).to.equal(`       ${line} 99999`)
    const at = lines.findIndex((each) => each.includes('lines left out'))
    const kept = lines.length - 2
    expect(lines[at]).to.equal(`       [${100_000 - kept} lines left out: it writes too much; here is the end of it]`)
  })

  it('makes whoever writes fast wait for the disk', async () => {
    await written('room', async (log) => {
      for (let i = 0; i < 4000; i += 1) log.output('z'.repeat(1000))
      await log.room()
      expect((await stat(operationFiles(rig.config, 'room').log)).size).to.be.above(2_900_000)
    })
  })
})
