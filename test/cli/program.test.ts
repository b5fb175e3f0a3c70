import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { setCli } from './rig.js'

describe('the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('without arguments is the help, by topic, exit code 0', async () => {
    const { code, stdout } = await berth([])
    expect(code).to.equal(0)
    for (const word of ['Apps:', 'Config vars:', 'Releases:', 'apps:create', 'serve', 'down'])
      expect(stdout).to.include(word)
  })

  it('says its version', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    for (const flag of ['-v', '--version']) expect((await berth([flag])).stdout.trim()).to.equal(version)
  })

  it('has an example in the help of every command', async () => {
    const { stdout } = await berth([])
    const commands = [...stdout.matchAll(/^ {2}([a-z]+(?::[a-z]+)?) /gm)].map(([, name = '']) => name)
    expect(commands).to.include.members(['apps', 'config:set', 'run', 'down'])
    const helps = await Promise.all(
      commands.filter((name) => name !== 'help').map(async (name) => [name, await berth(['help', name])] as const),
    )
    for (const [name, help] of helps) expect(help.stdout, name).to.match(/Examples?:\n {2}\$ /)
  })

  it('that is wrong is exit code 2, with a suggestion', async () => {
    const wrong: [string[], RegExp][] = [
      [['appz'], /unknown command 'appz'\n.*Did you mean apps/],
      [['apps:creat'], /Did you mean apps:create/],
      [['apps', '--jsno'], /unknown option '--jsno'\n.*--json/],
      [['apps:info', 'x', 'y'], /takes no argument "x"\n.*-a x/],
      [['config:get'], /missing required argument 'name'/],
      [['config:set', '-a', 'x'], /no config var to set/],
      [['config:set', 'novalue', '-a', 'x'], /"novalue" is not NAME=value/],
      [['config:set', '=secret', '-a', 'x'], /needs a name/],
      [['ps:scale', 'web', '-a', 'x'], /does not say how many/],
      [['ps:scale', 'web=1:lots', '-a', 'x'], /not an amount of memory/],
      [['logs', '-n', 'many', '-a', 'x'], /not a number of lines/],
      [['rollback', 'latest', '-a', 'x'], /not a release/],
      [['ps'], /no app chosen\n.*-a APP/],
      [['apps:destroy', '-a', 'x'], /no app named|must be confirmed/],
    ]
    const ends = await Promise.all(
      wrong.slice(0, -1).map(async ([args, words]) => ({ args, words, end: await berth(args) })),
    )
    for (const { args, words, end } of ends) {
      expect(end.code, args.join(' ')).to.equal(2)
      expect(end.stdout, args.join(' ')).to.equal('')
      expect(end.stderr, args.join(' '))
        .to.match(words)
        .and.to.match(/^ ▸ {4}/)
    }
  })

  it('says of what it does not know which it might be, in the help too', async () => {
    expect((await berth(['help', 'config:gte'])).stderr).to.match(
      /unknown command 'config:gte'\n.*Did you mean config:get/,
    )
    expect((await berth(['help', 'constructor'])).code).to.equal(2)
    expect((await berth(['__proto__'])).stderr).to.match(/unknown command '__proto__'/)
    expect((await berth(['config', 'set', 'A=1'])).stderr).to.match(
      /no command "config set"\n.*write it as berth config:set/,
    )
    expect((await berth(['help', 'config:set'])).stdout).to.match(/^Usage: berth config:set /)
    expect((await berth(['config:set', '--help'])).code).to.equal(0)
  })
})
