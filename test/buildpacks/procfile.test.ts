import { expect } from 'chai'
import { parseProcfile } from '../../src/buildpacks/procfile.js'
import { SourceError } from '../../src/buildpacks/source-error.js'

const complaintOf = (text: string): string => {
  try {
    parseProcfile(text)
  } catch (error) {
    if (error instanceof SourceError) return error.message
    throw error
  }
  throw new Error('it was taken')
}

describe('a Procfile', () => {
  it('names process types and their commands, in order', () => {
    const types = parseProcfile('# ours\r\nweb: node server.js --url=http://x:80\r\n\n  worker:npm run work  \n')
    expect(types).to.deep.equal({ web: 'node server.js --url=http://x:80', worker: 'npm run work' })
    expect(Object.keys(types)).to.deep.equal(['web', 'worker'])
  })

  for (const [text, complaint] of [
    ['<html>\n<body>', 'Procfile:1:1: "<html>" is not a process: no colon'],
    ['web: a\nnonsense', 'Procfile:2:1: "nonsense" is not a process: no colon'],
    ['web:', 'Procfile:1:5: process type "web" has no command'],
    ['my web: a', 'Procfile:1:1: "my web" cannot be the name of a process type'],
    ['../up: a', 'Procfile:1:1: "../up" cannot be the name of a process type'],
    ['web: a\nweb: b', 'Procfile:2:1: process type "web" is here twice'],
    ['\0\u0001', 'Procfile:1:1: a NUL byte: this is not a text file'],
    ['\uFFFD\uFFFDw\0e\0b\0:\0', 'Procfile:1:1: this is UTF-16, as Windows PowerShell writes it'],
    ['web: node s.js\nworker: .\\bin\\work.exe', 'Procfile:2:9: `.\\bin\\work.exe` is for Windows'],
    ['web: powershell -File start.ps1', 'Procfile:1:6: `powershell -File start.ps1` is for Windows'],
    ['web: start.bat', 'Procfile:1:6: `start.bat` is for Windows'],
    ['web: dotnet app.dll --port %PORT%', 'Procfile:1:6: `dotnet app.dll --port %PORT%` is for Windows'],
    ['', 'Procfile:1:1: no process type in it'],
    ['# only this', 'Procfile:1:1: no process type in it'],
  ] as const)
    it(`is not ${JSON.stringify(text)}`, () => expect(complaintOf(text)).to.equal(complaint))

  it('may have line ends of any system, and what only looks like Windows', () => {
    expect(parseProcfile('web: a\rworker: b\r')).to.deep.equal({ web: 'a', worker: 'b' })
    for (const line of ['date +%Y%m%d', 'node cmd.js', './build.exe.sh', 'pwsh run.ps1', 'cmd/server --log %PORT'])
      expect(parseProcfile(`web: ${line}`), line).to.deep.equal({ web: line })
  })

  it('may name a type as a property that every object has', () =>
    expect(Object.entries(parseProcfile('constructor: x'))).to.deep.equal([['constructor', 'x']]))
})
