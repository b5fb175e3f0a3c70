import { expect } from 'chai'
import { pkg, planOf, type Files } from '../trees.js'

const early = (files: Files = {}): readonly string[] =>
  planOf({ 'package.json': pkg({ scripts: { start: 'node x.js' } }), ...files }).early ?? []

describe('what an installation sees of the config vars', () => {
  it('is what package managers read, and not what the app does', () => {
    expect(early()).to.include.members(['NPM_*', 'NODE_*', 'YARN_*', 'PNPM_*', 'BUN_*', 'CI'])
    expect(early()).not.to.include('*')
  })

  for (const [file, text] of [
    ['.npmrc', '//npm.example.com/:_authToken=${GITHUB_TOKEN}\n'],
    ['.yarnrc.yml', 'npmAuthToken: "${GITHUB_TOKEN:-none}"\n'],
    ['bunfig.toml', '[install]\nregistry = { url = "https://npm.example.com", token = "$GITHUB_TOKEN" }\n'],
    ['.pnpmfile.cjs', 'module.exports = process.env.GITHUB_TOKEN\n'],
  ] as const)
    it(`is what ${file} names too`, () => expect(early({ [file]: text })).to.include('GITHUB_TOKEN'))

  it('is the same for an app that Bun runs', () => {
    const files = { 'package.json': pkg({ scripts: { start: 'bun x.ts' } }), 'bun.lock': '{}', 'x.ts': '' }
    const plan = planOf(files)
    expect([plan.buildpack, plan.early?.[0]]).to.deep.equal(['bun', 'NPM_*'])
  })
})
