import { expect } from 'chai'
import { patience } from '../../patience.js'
import { must } from '../../run.js'
import { createApp, instance, type Instance } from '../instance.js'

const [first, next] = ['of-the-build-alone', 'of-the-next-build']

/** Its build writes down what it sees; it answers with that, with what it has itself, and with when it was started. */
const telling = {
  'package.json': JSON.stringify({ scripts: { build: 'node build.js', start: 'node server.js' } }),
  'build.js': `const { createHash } = require('crypto')
const { FONTS = '', RUNS = '' } = process.env
console.log('building with', FONTS)
require('fs').writeFileSync('seen', [createHash('sha1').update(FONTS).digest('hex'), RUNS].join())\n`,
  'server.js': `const { readFileSync } = require('fs')
console.log('starting beside ${next}')
const { FONTS = 'none', RUNS = 'none' } = process.env
const said = [readFileSync('seen', 'utf8'), FONTS, RUNS, readFileSync('/proc/self/stat', 'utf8').split(' ')[21]]
require('http').createServer((q, s) => s.end(said.join(' '))).listen(process.env.PORT)\n`,
}

describe('build variables', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })
  const ok = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await berth.succeed(...words)
    return stdout + stderr
  }
  const sha1 = async (text: string) => (await must('sh', ['-c', `printf %s ${text} | sha1sum`])).slice(0, 40)

  it('are for builds, run variables for processes: neither restarts or repeats what it is not for', async () => {
    const repo = await berth.repository(telling)
    const app = await createApp(berth, repo, 'reach')
    await ok('config:set', '--build', `FONTS=${first}`, '-a', app)
    await ok('config:set', '--run', 'RUNS=one', '-a', app)
    const push = async (words: RegExp): Promise<void> => {
      const { code, stderr } = await repo.push()
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(words).and.not.include(first).and.not.include(next)
    }
    const answer = async () => (await berth.curl(app)).body.split(' ')
    await push(/building with \[secret\]/)
    const [seen, fonts, runs, started] = await answer()
    expect([seen, fonts, runs]).to.deep.equal([`${await sha1(first)},`, 'none', 'one'])

    expect(await ok('config:set', `FONTS=${next}`, '-a', app)).to.include(`for the next build of ${app}... done`)
    expect((await answer())[3], 'not restarted').to.equal(started)
    await repo.commit({})
    await push(/building with \[secret\]/)
    expect((await answer()).slice(0, 2)).to.deep.equal([`${await sha1(next)},`, 'none'])
    await ok('config:set', 'RUNS=two', '-a', app)
    expect((await answer())[2]).to.equal('two')
    await repo.commit({})
    await push(/This tree runs already/)
    expect(await ok('logs', '-a', app))
      .to.include('starting beside [secret]')
      .and.not.include(next)
    expect(await ok('run', 'env', '-a', app))
      .to.include('RUNS=two')
      .and.not.include('FONTS')
    expect(JSON.parse((await berth.berth(['config', '--json', '-a', app])).stdout)).to.deep.equal({
      FONTS: { value: next, reach: 'build' },
      RUNS: { value: 'two', reach: 'run' },
    })
  })

  it('are ARGs and secrets of a Dockerfile, and nowhere in what it leaves', async function () {
    if (!berth.config.ownEngine) this.skip() // another's history has the values of ARGs
    const [arg, mounted] = ['value-of-an-argument', 'value-of-a-mount']
    const repo = await berth.repository({
      Dockerfile: [
        'FROM node:24-bookworm-slim',
        'ARG FONTS',
        'RUN --mount=type=secret,id=MOUNTED echo "$FONTS $(cat /run/secrets/MOUNTED)" && echo ${#FONTS} ${RUNS-unset} >/told',
        'COPY server.js /',
        'CMD ["node", "/server.js"]',
      ].join('\n'),
      'server.js': `const { readFileSync } = require('fs')
require('http').createServer((q, s) => s.end(readFileSync('/told', 'utf8'))).listen(process.env.PORT)\n`,
    })
    const app = await createApp(berth, repo, 'args')
    await ok('config:set', '--build', `FONTS=${arg}`, `MOUNTED=${mounted}`, '-a', app)
    await ok('config:set', '--run', 'RUNS=one', '-a', app)
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal(`${String(arg.length)} unset\n`)
    const { image } = JSON.parse((await berth.berth(['releases:info', '--json', '-a', app])).stdout) as {
      image: string
    }
    const ask = (path: string) =>
      must('curl', ['-sS', '--unix-socket', berth.config.engineSocket, `http://berth/images/${image}/${path}`])
    expect(await ask('history')).to.include('FONTS=***')
    const environment = await ok('run', 'cat /proc/*/environ', '-a', app)
    const left = await must('sh', [
      '-c',
      `grep -rlE '${arg}|${mounted}' ${berth.config.root} --exclude-dir=redis --exclude-dir=containers || true`,
    ])
    for (const told of [stderr, await ask('history'), await ask('json'), environment, left])
      expect(told).to.not.include(arg).and.not.include(mounted)
    expect(left.trim()).to.equal('')
  })
})
