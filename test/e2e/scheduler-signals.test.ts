import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { pack } from 'tar-stream'
import type { App } from '../../src/store/apps.js'
import { until } from '../scheduler/describe-scheduler.js'
import { image } from './scheduler-rig.js'
import { setStage } from './scheduler-stage.js'

const never = new AbortController().signal
const size = { memory: 256 * 1024 * 1024, cpus: 1 }

/** Says when it is ready, when it is told to end, and when it has tidied up. */
const tidy = `$SIG{TERM} = sub { print STDERR "$ARGV[0] told\\n"; select undef, undef, undef, 0.4;
  print STDERR "$ARGV[0] tidied\\n"; exit 0 }; print STDERR "$ARGV[0] ready\\n"; sleep 1 while 1`

const perl = (name: string) => `perl -e "$CODE" ${name}`

describe('every process of a container', () => {
  const stage = setStage()

  const linesOf = async (app: App): Promise<string[]> => {
    const lines: string[] = []
    const options = { lines: 100, process: null, follow: false, signal: never }
    for await (const line of stage.scheduler.logs(app, options)) lines.push(line.text)
    return lines
  }

  const cases: readonly [string, string, readonly string[]][] = [
    ['a list', `cd /tmp && ${perl('one')}; true`, ['one']],
    ['an assignment', `A=1 ${perl('one')}; true`, ['one']],
    ['a pipe', `${perl('one')} | cat`, ['one']],
    ['a shell of its own', `sh -c '${perl('one')} & ${perl('two')} & wait'`, ['one', 'two']],
    ['a loop', `while true; do ${perl('one')}; done`, ['one']],
    ['a session of its own', `setsid ${perl('one')}; true`, ['one']],
    ['one that nobody waits for', `(${perl('one')} &); exec sleep 1000`, ['one']],
    ['a shell that listens', `trap 'echo shell told >&2; wait; exit 0' TERM; ${perl('one')} & wait`, ['one', 'shell']],
  ]
  for (const [index, [what, line, names]] of cases.entries())
    it(`is told to end, and may tidy up: ${what}`, async () => {
      const app = await stage.deployed(`told${index}`, {
        processTypes: { worker: line },
        formation: { worker: { quantity: 1, ...size } },
        config: { CODE: tidy },
      })
      await until('all to run', async () => {
        const lines = await linesOf(app)
        return names.every((name) => name === 'shell' || lines.includes(`${name} ready`))
      })
      const id = (await stage.ids(app)).get('worker.1') ?? ''
      const began = Date.now()
      await stage.rig.docker.getContainer(id).stop({ t: 10 })
      expect(Date.now() - began, 'ms').to.be.below(8_000)
      const lines = await linesOf(app)
      for (const name of names) {
        expect(lines.filter((text) => text === `${name} told`)).to.have.length(1)
        if (name !== 'shell') expect(lines).to.include(`${name} tidied`)
      }
    })

  const built = async (tag: string, dockerfile: string): Promise<string> => {
    const context = pack()
    context.entry({ name: 'Dockerfile' }, dockerfile)
    context.finalize()
    const stream = await stage.rig.docker.buildImage((await buffer(context)) as never, { t: tag })
    await new Promise<void>((resolve, reject) => {
      stage.rig.docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()))
    })
    return (await stage.rig.docker.getImage(tag).inspect()).Id
  }

  const ran = async (app: App, imageId: string, line: string): Promise<[number, string[]]> => {
    const said: string[] = []
    const output = { log: (text: string) => said.push(text), signal: never }
    const release = await stage.rig.release(app, { image: imageId, config: {} })
    const code = await stage.scheduler.runOnce(
      app,
      release,
      { name: 'release.2', type: 'release', command: line },
      output,
    )
    return [code, said]
  }

  it('runs without a shell where the line is a list', async () => {
    const app = await stage.rig.app('shellless')
    // a static program that every Debian has
    const id = await built('shellless', `FROM scratch\nCOPY --from=${image} /sbin/ldconfig /app\n`)
    const [code, said] = await ran(app, id, '["/app", "--version"]')
    expect(code).to.equal(0)
    expect(said[0]).to.match(/^ldconfig/)
    expect(await ran(app, id, '/app --version')).to.deep.equal([127, ['cannot run /bin/sh: no such file or directory']])
  })

  it('comes after the ENTRYPOINT of its image', async () => {
    const app = await stage.rig.app('entry')
    const script = ['/bin/sh', '-c', 'echo entered; exec "$@"', 'entry']
    const id = await built('entry', `FROM ${image}\nENTRYPOINT ${JSON.stringify(script)}\nCMD ["/nothing"]\n`)
    expect(await ran(app, id, 'echo one two')).to.deep.equal([0, ['entered', 'one two']])
    expect(await ran(app, id, 'echo $BERTH_APP; exit 3')).to.deep.equal([3, ['entered', 'entry']])
    expect(await ran(app, id, '["echo", "$X"]')).to.deep.equal([0, ['$X']])
  })
})
