import { expect } from 'chai'
import { complaintOf, pkg, planOf } from '../trees.js'

const start = { scripts: { start: 'node server.js' } }

describe('the Node.js of an app', () => {
  for (const [range, major] of Object.entries({
    '24.x': '24',
    '22': '22',
    '^20.11.0': '20',
    '>=18': '24',
    '18 || 22': '22',
    '>24': '26',
    '*': '24',
    '': '24',
    '<23': '22',
    '22.1.3': '22.1.3',
    'v20.11.1': '20.11.1',
    '=18.19.0': '18.19.0',
    '~22.3.0': '22.3',
    '22.3.x': '22.3',
    '<20.15': '20.14',
    '>=20.1.0 <=20.11.1': '20.10',
    '<=18.0.1 >18.0.0': '18.0.1',
    '>=18 <18.0.1': '18.0.0',
    '<16.0.1': '14',
    '^14': '14',
    '15.1.0': '15.1.0',
    '>=19 <20': '19',
    '>=21 <24': '22',
    '23.x': '23',
    '14.17.x': '14.17',
    '^16 || ^18': '18',
    '>=14': '24',
    '^18': '18',
    '24.1.0 || 22.x': '22',
  }))
    it(`gets Node.js ${major} for engines.node "${range}"`, () => {
      const plan = planOf({ 'package.json': pkg({ ...start, engines: { node: range } }) })
      expect(plan.version).to.equal(major)
      expect(plan.dockerfile).to.match(new RegExp(`^FROM node:${major}-bookworm-slim\n`))
    })

  it('takes what devEngines names after engines', () => {
    const devEngines = { runtime: { name: 'node', version: '22.11.0', onFail: 'download' } }
    expect(planOf({ 'package.json': pkg({ ...start, devEngines }) }).version).to.equal('22.11.0')
    expect(planOf({ 'package.json': pkg({ ...start, devEngines, engines: { node: '20.x' } }) }).version).to.equal('20')
    expect(planOf({ 'package.json': pkg({ ...start, devEngines: { runtime: 'node' } }) }).version).to.equal('24')
  })

  it('is told which versions there are when it wants another, or writes none', () => {
    const wants = (node: string) => complaintOf({ 'package.json': pkg({ ...start, engines: { node } }) })
    for (const range of ['^12', '4.x', '>99', '<14', '13.1.0'])
      expect(wants(range)).to.include(`"${range}" allows no version`).and.to.include('Node.js 14 to 26')
    expect(wants('latest')).to.include('"latest" is not a version range')
  })

  it('of a megabyte is refused at once', function () {
    this.timeout(2_000)
    for (const range of [`^${'1'.repeat(1_000_000)}`, '1.x || '.repeat(150_000), `>=1 ${' '.repeat(1_000_000)}<2`])
      expect(complaintOf({ 'package.json': pkg({ ...start, engines: { node: range } }) }).length).to.be.below(400)
  })

  it('gets the Node.js of .nvmrc or .node-version where engines says nothing', () => {
    const version = (files: Record<string, string>) => planOf({ 'package.json': pkg(start), ...files }).version
    for (const [text, expected] of Object.entries({
      '22\n': '22',
      'v20.11.1': '20.11.1',
      'lts/*': '24',
      'lts/iron': '20',
      node: '24',
      '': '24',
    })) {
      expect(version({ '.nvmrc': text }), text).to.equal(expected)
      expect(version({ '.node-version': text }), text).to.equal(expected)
    }
    expect(version({ '.nvmrc': '\n# ours\r\n22 # the server\r\n' })).to.equal('22')
    expect(version({ '.tool-versions': 'python 3.12\nnodejs 20.11.1\n' })).to.equal('20.11.1')
    for (const value of ['"20.11.1"', '["20.11.1", "22"]', '{ version = "20.11.1" }'])
      expect(version({ 'mise.toml': `[tools]\npython = "3.12"\nnode = ${value}\n` }), value).to.equal('20.11.1')
    expect(version({ '.mise.toml': '[tools]\nnode = "lts"\n' })).to.equal('24')
    expect(version({ 'package.json': pkg({ ...start, volta: { node: '22.3.0' } }), '.nvmrc': '20' })).to.equal('22.3.0')
    const engines = pkg({ ...start, engines: { node: '22.x' } })
    const two = planOf({ 'package.json': engines, '.nvmrc': '20' })
    expect(two.version).to.equal('22')
    expect(two.notes).to.include('package.json: engines.node is followed; .nvmrc says 20')
    expect(planOf({ 'package.json': engines, '.nvmrc': '22.3.0', '.node-version': 'v22' }).notes.join()).to.include(
      '.nvmrc says 22.3.0',
    )
    expect(planOf({ 'package.json': engines, '.nvmrc': 'v22' }).notes.join()).not.to.include('followed')
    expect(complaintOf({ 'package.json': pkg(start), '.nvmrc': 'lts/nope' })).to.include('.nvmrc "lts/nope" is not')
  })

  it('has a note when its Node.js gets no more patches', () => {
    const noted = (node: string) => planOf({ 'package.json': pkg({ ...start, engines: { node } }) }).notes.join()
    expect(noted('18')).to.include('no more security patches')
    expect(noted('22')).not.to.include('patches')
  })
})
