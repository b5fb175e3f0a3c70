import { expect } from 'chai'
import { BerthError, seeContract } from '../../src/errors.js'
import { exitCodeOf, formatFailure } from '../../src/cli/failure.js'
import { createProgram } from '../../src/cli/program.js'

/** What a command line that cannot be understood is told. */
async function told(...args: string[]): Promise<string[]> {
  const program = await createProgram(args)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    expect(exitCodeOf(error)).to.equal(2)
    return formatFailure(error, program, args)
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ ▸ {4}/, ''))
  }
  throw new Error('it was understood')
}

describe('a command line that is wrong', () => {
  it('is told of its own help where the API would tell of its contract', async () => {
    const args = ['checks:set', 'port=99999', '-a', 'blog']
    const refused = new BerthError('invalid', 'port=99999: at most 65535', seeContract)
    expect(formatFailure(refused, await createProgram(args), args)).to.include('run `berth help checks:set` to see')
    expect(formatFailure(refused)).to.include('run `berth help` to see')
  })

  it('is told what to type instead', async () => {
    const cases: [args: string[], said: string[]][] = [
      [['nope'], ["unknown command 'nope'", 'run `berth help` to see every command']],
      [['apps:inf'], ["unknown command 'apps:inf'", 'Did you mean apps:info?']],
      [
        ['apps:info', 'blog'],
        ['apps:info takes no argument "blog"', 'the app is an option: -a blog'],
      ],
      [
        ['apps:info', 'y', '-a', 'x'],
        ['apps:info takes no argument "y"', 'run `berth help apps:info` to see what it takes'],
      ],
      [
        ['apps:rename', 'a', 'blog'],
        ['apps:rename takes no further argument "blog"', 'the app is an option: -a blog'],
      ],
      [
        ['ps:restart', 'web', 'web.1'],
        ['ps:restart takes no further argument "web.1"', 'run `berth help ps:restart` to see what it takes'],
      ],
      [
        ['apps', 'create'],
        ['there is no command "apps create"', 'write it as berth apps:create'],
      ],
      [
        ['ps', 'scale', 'web=2'],
        ['there is no command "ps scale"', 'write it as berth ps:scale'],
      ],
      [
        ['ps:scale', '--bogus'],
        ["unknown option '--bogus'", 'run `berth help ps:scale` to see what it takes'],
      ],
      [
        ['logs', '-p'],
        ["option '-p, --process <process>' argument missing", 'run `berth help logs` to see what it takes'],
      ],
    ]
    for (const [args, said] of cases) expect(await told(...args), args.join(' ')).to.deep.equal(said)
  })
})
