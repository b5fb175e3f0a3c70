import { expect } from 'chai'
import { run } from '../run.js'
import { evaluating } from './apps.js'
import { createApp, home, instance, type Instance } from './instance.js'

describe('run on a terminal', () => {
  let berth: Instance
  let name: string
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
    const repo = await berth.repository(evaluating("'x'"))
    name = await createApp(berth, repo, 'terminal')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
  })

  it('has one of the same size, and answers with the exit code', async () => {
    const line = `stty rows 33 cols 99; ${home}/bin/berth run -it -a ${name} -- sh -c "tty; stty size; exit 5"`
    const { code, stdout } = await run('script', ['-qec', line, '/dev/null'], { env: berth.env, cwd: berth.dir })
    expect(stdout)
      .to.match(/\/dev\/pts\/\d+/)
      .and.to.include('33 99')
    expect(code).to.equal(5)
  })

  it('takes -a APP behind the command, and a line for the shell', async () => {
    const piped = await berth.berth(['run', 'echo "$PORT" | wc -l', '-a', name])
    expect(piped.code, piped.stderr).to.equal(0)
    const echoed = await berth.berth(['run', 'echo', '$PORT', '-a', name])
    expect(echoed.stdout).to.equal('$PORT\n')
  })
})
