import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { patience } from '../patience.js'
import { run } from '../run.js'
import { evaluating } from './apps.js'
import { typeAt } from './typing.js'
import { createApp, home, instance, type Instance } from './instance.js'

describe('run', () => {
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

  it('on a terminal has one of the same size, and answers with the exit code', async () => {
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

  it('takes its input from wherever it is, and ends when the command does', async function () {
    this.timeout(180_000)
    const input = `${berth.dir}/input`
    await writeFile(input, 'from a file')
    const shell = (line: string) =>
      run('bash', ['-c', line], { env: { ...berth.env, B: `${home}/bin/berth`, A: name, F: input }, cwd: berth.dir })
    const lines: Readonly<Record<string, string>> = {
      '"$B" run -a "$A" -- cat <"$F"': 'from a file',
      '"$B" run -a "$A" -- cat </dev/null': '',
      '"$B" run -a "$A" -- cat <&-': '',
      '"$B" run -a "$A" -- cat <"$F" | cat': 'from a file',
      'true | "$B" run -a "$A" -- cat': '',
      'printf piped | "$B" run -a "$A" -- cat': 'piped',
      'yes | "$B" run -a "$A" -- head -n 1': 'y\n',
      '"$B" run -a "$A" -- head -c 1 </dev/zero': '\0',
      '"$B" run -a "$A" -- cat <.': '',
      'exec 3< <(exec sleep 60); "$B" run -a "$A" -- true <&3; code=$?; kill $!; exit $code': '',
    }
    for (const [line, expected] of Object.entries(lines)) {
      const before = Date.now()
      const { code, stdout, stderr } = await shell(line)
      expect([code, stdout], `${line}\n${stderr}`).to.deep.equal([0, expected])
      expect(Date.now() - before, line).to.be.below(20_000 * patience)
    }
  })

  it('passes every key on, those of docker for leaving too', async () => {
    const line = `${home}/bin/berth run -it -a ${name} -- sh -c "stty raw -echo; echo re''ady; head -c 3 | od -An -tx1"`
    const { code, stdout, stderr } = await typeAt(line, 'ready', '\u0010\u0011\u0010', {
      env: berth.env,
      cwd: berth.dir,
    })
    expect(stdout, stderr).to.include('10 11 10')
    expect(code).to.equal(0)
  })
})
