import { expect } from 'chai'
import { commandPort, exposedPort, outlineOf } from '../../../src/buildpacks/dockerfile/outline.js'

describe('the outline of a Dockerfile', () => {
  it('has its ARGs and stages, and none of what only looks like them', () => {
    const text = [
      '# syntax=docker/dockerfile:1',
      '# escape=`',
      'arg A=1',
      'from --platform=$BUILDPLATFORM golang:1.22 as Build',
      'RUN echo `',
      '  # ARG COMMENTED',
      '',
      '  ARG=continued',
      'RUN <<EOF cat <<-"two"',
      'ARG IN_A_HEREDOC',
      'EOF',
      'FROM nothing',
      '\ttwo',
      'RUN echo $((1<<2)) <<< word',
      'RUN --mount=type=cache,id=no,target=/x --mount=id=T,type=secret --mount=type=secret,target=/a/file x --mount=type=secret,id=no',
      'FROM Build',
      'ARG B C=c D',
    ].join('\r\n')
    expect(outlineOf(text)).to.deep.equal({
      args: ['A', 'B', 'C', 'D'],
      secrets: ['T', 'file'],
      stages: [
        { name: 'Build', from: 'golang:1.22', line: 4, exposes: [], runs: '' },
        { name: null, from: 'Build', line: 16, exposes: [], runs: '' },
      ],
    })
  })

  it('is read to the end whatever is in it', () => {
    expect(outlineOf('')).to.deep.equal({ args: [], secrets: [], stages: [] })
    expect(outlineOf('FROM a\nRUN <<EOF\nARG X').stages).to.have.length(1)
    expect(outlineOf('RUN x \\').stages).to.deep.equal([])
    expect(outlineOf('EXPOSE 80\nFROM').stages).to.have.length(1)
  })

  it('is read in time that goes with its length', () => {
    const begun = performance.now()
    for (const line of ['RUN <<A\n', 'FROM a AS a\n', 'RUN a \\\n', 'ARG A\n', '\\\n', ' '.repeat(1000)])
      exposedPort(outlineOf(line.repeat(1_000_000 / line.length)))
    expect(performance.now() - begun).to.be.below(30_000)
  }).timeout(40_000)

  it('tells the port that is exposed first, by the stage itself or those that it begins with', () => {
    const port = (text: string, target?: string) => exposedPort(outlineOf(text), target)
    expect(port('FROM a\nEXPOSE 53/udp 8080/tcp 9090')).to.equal(8080)
    expect(port('FROM a\nEXPOSE 8000-8010')).to.equal(8000)
    expect(port('FROM a AS base\nEXPOSE 80\nFROM base AS x\nFROM X')).to.equal(80)
    expect(port('FROM a AS base\nEXPOSE 80\nFROM b')).to.equal(null)
    expect(port('FROM a AS base\nEXPOSE 80\nFROM b', 'base')).to.equal(80)
    expect(port('FROM a AS a\nFROM a AS a\nEXPOSE $PORT 70000')).to.equal(null)
  })

  it('tells the port that the last command of the stage has as an option', () => {
    const port = (text: string, target?: string) => commandPort(outlineOf(text), target)
    expect(port('FROM a\nCMD ["fastapi", "run", "app/main.py", "--port", "80"]')).to.equal(80)
    expect(port('FROM a\nCMD uvicorn a:b --host 0.0.0.0 --port=8000')).to.equal(8000)
    expect(port('FROM a\nENTRYPOINT ["gunicorn", "-b", "0.0.0.0:8080", "a:b"]')).to.equal(8080)
    expect(port('FROM a\nCMD x -p 1\nENTRYPOINT y\nCMD ["flask", "run", "-p", "5001"]')).to.equal(5001)
    expect(port('FROM a AS web\nCMD x --port 81\nFROM b', 'WEB')).to.equal(81)
    expect(port('FROM a AS web\nCMD x --port 81\nFROM b')).to.equal(null)
    for (const line of [
      'x --port ${PORT:-8000}',
      'x --bind 127.0.0.1:8000',
      'x --port 99999',
      'x --ports 8000',
      'node s.js',
    ])
      expect(port(`FROM a\nCMD ${line}`), line).to.equal(null)
  })
})
