import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { shellEntrypoint } from '../../src/scheduler/command.js'

const line = (command: string) => shellEntrypoint(command)[2]

describe('the command of a process type', () => {
  it('lets a simple command take the place of the shell', () => {
    expect(shellEntrypoint('node server.js')).to.deep.equal(['/bin/sh', '-c', 'exec node server.js'])
    expect(line('  ./bin/start --port $PORT ')).to.equal('exec ./bin/start --port $PORT')
    expect(line('bin/web > "$LOG"')).to.equal('exec bin/web > "$LOG"')
  })

  for (const command of [
    'cd app && node .',
    'a; b',
    'a | b',
    'a & wait',
    'NODE_ENV=production node .',
    'exec node .',
    'export A=1',
    '. ./env',
    'if true\nthen node .\nfi',
    'echo $(date)',
    '{ a\n}',
  ])
    it(`leaves alone: ${JSON.stringify(command)}`, () => expect(line(command)).to.equal(command))

  it('keeps what a shell would make of it', () => {
    const [shell = '', ...args] = shellEntrypoint('printf "%s|" "a b" $X \'c;d\'')
    expect(execFileSync(shell, args, { env: { X: '1 2', PATH: process.env.PATH } }).toString()).to.equal('a b|1|2|c;d|')
  })
})
