import { expect } from 'chai'
import { readAppJson } from '../../src/app-json/app-json.js'
import { healthChecksOf } from '../../src/app-json/health-checks.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import type { DeclaredCheck } from '../../src/store/checks.js'
import { withTree, type Files } from '../buildpacks/trees.js'

const read = (checks: string) =>
  withTree({ 'app.json': `{"healthchecks": ${checks}}` }, (directory) => readAppJson(directoryTree(directory)))
const refusal = (checks: string): string => {
  try {
    read(checks)
  } catch (error) {
    return (error as Error).message
  }
  return 'it was taken'
}
const of = (files: Files, declared: Readonly<Record<string, readonly DeclaredCheck[]>> = {}) =>
  withTree(files, (directory) => healthChecksOf(declared, directoryTree(directory)))

describe('healthchecks of app.json', () => {
  it('are read with Dokku’s names, and a status', () => {
    const all = read(`{
      "web": [
        {"type": "startup", "name": "up", "path": "/up", "port": 8080, "status": [200, "3xx", "410-418"], "content": "ok",
         "attempts": 5, "timeout": 7, "wait": 2, "initialDelay": 1, "warn": true, "scheme": "https",
         "httpHeaders": [{"name": "Host", "value": "example.org"}]},
        {"type": "readiness", "listening": true}, {"type": "liveness", "path": "/live", "listening": false}, {}],
      "worker": [{"command": ["./check", "--deep"]}, {"uptime": 12}]
    }`)
    const file = 'app.json'
    expect(all?.notes).to.deep.equal([])
    expect(all?.healthchecks).to.deep.equal({
      web: [
        {
          ...{ phase: 'startup', name: 'up', path: '/up', port: 8080, status: '200,3xx,410-418', content: 'ok', file },
          ...{ attempts: 5, timeout: 7, wait: 2, initialDelay: 1, warn: true, scheme: 'https' },
          headers: { Host: 'example.org' },
        },
        { phase: 'readiness', listening: true, file },
        { phase: 'liveness', path: '/live', file },
        { phase: 'startup', file },
      ],
      worker: [
        { phase: 'startup', command: ['./check', '--deep'], file },
        { phase: 'startup', uptime: 12, file },
      ],
    })
  })

  it('warn of a name that is not known, and of what is not done', () => {
    expect(
      read('{"web": [{"pth": "/", "x-own": 1, "onFailure": {"url": "http://a", "urll": 1}}]}')?.notes,
    ).to.deep.equal([
      'app.json:1: healthchecks.web.0.pth is not known: healthchecks.web.0.path is meant?',
      'app.json:1: healthchecks.web.0.onFailure.urll is not known: healthchecks.web.0.onFailure.url is meant?',
      'app.json:1: healthchecks.web.0.onFailure is passed over: nothing is run or called when a check fails',
    ])
  })

  for (const [checks, said] of [
    ['[]', 'app.json:1:2: healthchecks: expected record, received array'],
    ['{"web": {}}', 'app.json:1:19: healthchecks.web: expected array, received object'],
    ['{"web": [5]}', 'app.json:1:19: healthchecks.web.0: expected object, received number'],
    ['{"web": [{"path": "up"}]}', 'web.0.path: must begin with a slash, as in /up'],
    ['{"web": [{"path": "/a b"}]}', 'web.0.path: must be printable ASCII without blanks: write others percent-encoded'],
    ['{"web": [{"path": "/a\\u0000"}]}', 'must be printable ASCII'],
    ['{"web": [{"path": 5}]}', 'web.0.path: expected string, received number'],
    ['{"web": [{"attempts": "3"}]}', 'web.0.attempts: must be a whole number'],
    ['{"web": [{"attempts": 1e6}]}', 'web.0.attempts: at most 60'],
    ['{"web": [{"attempts": 0}]}', 'web.0.attempts: at least 1'],
    ['{"web": [{"timeout": 1.5}]}', 'web.0.timeout: must be a whole number of seconds'],
    ['{"web": [{"timeout": 61}]}', 'web.0.timeout: at most 60 seconds'],
    ['{"web": [{"wait": -1}]}', 'web.0.wait: at least 0'],
    ['{"web": [{"attempts": 60, "timeout": 60}]}', 'web.0: it may take 900 seconds in all'],
    ['{"web": [{"port": 65536}]}', 'web.0.port: at most 65535'],
    ['{"web": [{"status": "ok"}]}', 'web.0.status: is a status such as 200'],
    ['{"web": [{"status": "399-200"}]}', 'web.0.status: has a range that ends before it begins'],
    ['{"web": [{"status": {}}]}', 'web.0.status: expected string'],
    ['{"web": [{"type": "ready"}]}', 'web.0.type: '],
    ['{"web": [{"command": "ls"}]}', 'web.0.command: expected array, received string'],
    ['{"web": [{"command": []}]}', 'web.0.command: names no command'],
    ['{"web": [{"command": ["ls"], "path": "/"}]}', 'web.0: path and command exclude each other'],
    ['{"web": [{"command": ["ls"], "status": 200}]}', 'web.0: status means nothing to a check by command'],
    [
      '{"web": [{"httpHeaders": [{"name": "A:", "value": ""}]}]}',
      'web.0.httpHeaders: "A:" is not the name of a header',
    ],
    ['{"web": [{"httpHeaders": [{"name": "A", "value": "x\\r\\nB: c"}]}]}', 'must not have control characters in it'],
    ['{"web": [{"httpHeaders": [{"name": "Content-Length", "value": "5"}]}]}', 'is a header that Berth sets itself'],
    ['{"worker": [{"attempts": 2}]}', 'worker.0: says nothing to check: path, command, listening or uptime'],
  ] as const)
    it(`refuse ${checks}`, () => expect(refusal(checks)).to.include(said))

  it('refuse a great many soon', function () {
    this.timeout(5_000)
    const many = `{"web": [${Array.from({ length: 300_000 }, () => '{}').join(',')}]}`
    expect(refusal(many)).to.include('healthchecks.web: at most 10 checks of a process type')
    expect(refusal(`{"web": [${'[{},'.repeat(200_000)}`)).to.include('app.json:1')
  })
})

describe('a CHECKS file', () => {
  const file = 'CHECKS'

  it('is the startup checks of web', () => {
    const text =
      '# old\nWAIT=2\nATTEMPTS = 4 # tries\r\n\n/up  It works\n//example.org/a?b\nhttps://example.org\n/x/{{ .VAR "A" }}\n'
    const limits = { phase: 'startup', wait: 2, timeout: 30, attempts: 4, file }
    const { healthchecks, notes } = of({ CHECKS: text })
    expect(healthchecks).to.deep.equal({
      web: [
        { path: '/up', content: 'It works', ...limits },
        { path: '/a?b', headers: { Host: 'example.org' }, ...limits },
        { path: '/', scheme: 'https', headers: { Host: 'example.org' }, ...limits },
      ],
    })
    expect(notes[0]).to.include('CHECKS is read as startup checks of web')
    expect(notes[1]).to.include('CHECKS:8 is passed over, for templates are not filled in')
  })

  it('is not looked at where app.json says how web is checked', () => {
    const declared = { web: [{ phase: 'startup', path: '/', file: 'app.json' }] } as const
    expect(of({ CHECKS: 'nonsense' }, declared)).to.deep.equal({ healthchecks: declared, notes: [] })
    expect(of({})).to.deep.equal({ healthchecks: {}, notes: [] })
    expect(of({ CHECKS: '\n# nothing\n' }).healthchecks).to.deep.equal({})
  })

  for (const [text, said] of [
    ['up\n', 'CHECKS:1:1: path must begin with a slash'],
    ['\nWAIT=x\n/up\n', 'CHECKS:3:1: wait must be a whole number'],
    ['TIMEOUT=600\n/up', 'CHECKS:2:1: timeout at most 60'],
    ['ATTEMPTS=60\n/up', 'CHECKS:2:1: it may take 900 seconds in all'],
    ['/a\n'.repeat(1_000), 'CHECKS:11:1: at most 10 checks'],
  ] as const)
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => expect(() => of({ CHECKS: text })).to.throw(said))
})
