import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { shellEntrypoint } from '../../src/lib/shell-line.js'
import { oneOffWords, processWords } from '../../src/scheduler/command.js'

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

describe('the words a container runs', () => {
  const none = { entrypoint: [], cmd: ['/start'] }
  const script = { entrypoint: ['/entry.sh'], cmd: ['/start', 'now'] }

  it('are the image’s own where the process type has none', () => {
    expect(processWords(null, none)).to.deep.equal(['/start'])
    expect(processWords(null, script)).to.deep.equal(['/entry.sh', '/start', 'now'])
    expect(processWords(null, { entrypoint: [], cmd: [] })).to.deep.equal([])
  })

  it('are those of a list, without a shell and without the ENTRYPOINT', () => {
    for (const image of [none, script])
      expect(processWords('["/app", "a b", "$X"]', image)).to.deep.equal(['/app', 'a b', '$X'])
  })

  it('are a shell’s for what only looks like a list', () => {
    for (const line of ['[ -f x ] && y', '[]', '["a", 1]', '["a"'])
      expect(processWords(line, none).slice(0, 2), line).to.deep.equal(['/bin/sh', '-c'])
  })

  it('come after an ENTRYPOINT, by way of a shell where the line wants one', () => {
    expect(processWords('node server.js --port=80', script)).to.deep.equal([
      '/entry.sh',
      'node',
      'server.js',
      '--port=80',
    ])
    for (const line of ['node . --port $PORT', 'a && b', 'A=1 node .', "node 'a b'", 'cd x', 'ls *'])
      expect(processWords(line, script), line).to.deep.equal(['/entry.sh', '/bin/sh', '-c', line])
  })

  it('are one for an ENTRYPOINT that is a shell', () => {
    const bash = { entrypoint: ['/bin/bash', '-l', '-c'], cmd: [] }
    expect(processWords(' node . && b ', bash)).to.deep.equal(['/bin/bash', '-l', '-c', 'node . && b'])
  })

  it('of a one-off are run as they are when there are several, or it is a path', () => {
    expect(oneOffWords(['/app', 'a b', '$X'])).to.deep.equal(['/app', 'a b', '$X'])
    expect(oneOffWords(['/app'])).to.deep.equal(['/app'])
    expect(oneOffWords(['["/app","x"]'])).to.deep.equal(['/app', 'x'])
    expect(oneOffWords(['ls -l | wc'])).to.deep.equal(['/bin/sh', '-c', 'ls -l | wc'])
    expect(oneOffWords(['/app'], { entrypoint: ['/entry'], cmd: [] })).to.deep.equal(['/app'])
    const profile = '/usr/local/bin/with-profile'
    expect(oneOffWords(['/app'], { entrypoint: [profile, 'php-process'], cmd: [] })).to.deep.equal([profile, '/app'])
    expect(oneOffWords(['ls'], { entrypoint: [profile], cmd: [] })).to.deep.equal([profile, '/bin/sh', '-c', 'exec ls'])
  })
})
