import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { commandLines, fileLine, imageCommand, programImage } from '../../src/buildpacks/image-lines.js'
import { pieces } from '../../src/buildpacks/pieces.js'

describe('lines of images', () => {
  it('have a command that a shell runs as it is written, or none', () => {
    const line = `node "a b.js" && echo 'c' \\n`
    const [cmd = ''] = commandLines(line)
    expect(JSON.parse(cmd.replace(/^CMD /, ''))).to.deep.equal(['/bin/sh', '-c', line])
    expect([commandLines(null), commandLines(undefined)]).to.deep.equal([[], []])
  })

  it('have their program take the place of the shell, which would keep its signals, where it is one command', () => {
    const shown = (line: string): string | undefined => imageCommand(line)[2]
    for (const line of ['node server.js', 'java $JAVA_OPTS -jar a.jar', 'puma -w ${WEB_CONCURRENCY:-0} -p ${PORT}'])
      expect(shown(line)).to.equal(`exec ${line}`)
    const kept = [
      'A=b node x.js',
      'a && b',
      'cd app; node x.js',
      'a | b',
      'exec node x.js',
      '{ a; }',
      'a `b`',
      'a ${B:-$(c)}',
    ]
    for (const line of kept) expect(shown(line)).to.equal(line)
  })

  it('write a file in one instruction: a program where it lies in a bin', () => {
    expect(fileLine('/usr/bin/x', 'USER root\n')).to.equal("COPY --chmod=755 <<'FILE' /usr/bin/x\nUSER root\nFILE")
    expect(pieces(`${fileLine('/etc/x', 'RUN a\n')}\nUSER b`)).to.have.length(2)
    expect(fileLine('/etc/x', '')).to.match(/^COPY --chmod=644 /)
  })

  it('put what a program needs before it, its user after it, and the command last', () => {
    const lines = programImage('./app', { run: ['RUN more'], env: ' A=b' }).filter((line) => line !== '')
    expect(lines.map((line) => line.split(' ')[0])).to.deep.equal([
      'FROM',
      'RUN',
      'RUN',
      'COPY',
      'COPY',
      'ENV',
      'WORKDIR',
      'COPY',
      'USER',
      'CMD',
    ])
    expect(lines[5]).to.equal('ENV PATH=/app/bin:$PATH HOME=/app A=b')
    const [add = ''] = lines.slice(1)
    execFileSync('sh', ['-n', '-c', add.replace(/^RUN /, '')])
  })
})
