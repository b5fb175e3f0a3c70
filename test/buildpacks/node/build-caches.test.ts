import { expect } from 'chai'
import { pkg, planOf, type Files } from '../trees.js'

const mounts = (fields: object, files: Files = {}): string[] => {
  const { dockerfile } = planOf({ 'package.json': pkg(fields), ...files })
  return [...dockerfile.matchAll(/target=\/app\/([^,]+),uid=1000,gid=1000,sharing=locked/g)].map(
    (found) => found[1] ?? '',
  )
}
const next = { scripts: { build: 'next build', start: 'next start' }, dependencies: { next: '16' } }

describe('what one build keeps for the next', () => {
  for (const [name, fields, places] of [
    ['Next.js', next, ['.next/cache']],
    ['Astro', { scripts: { build: 'astro build' }, dependencies: { astro: '5' } }, ['node_modules/.astro']],
    ['Angular', { scripts: { build: 'ng build' }, dependencies: { '@angular/core': '20' } }, ['.angular/cache']],
    [
      'Create React App',
      { scripts: { build: 'react-scripts build' }, dependencies: { 'react-scripts': '5' } },
      ['node_modules/.cache'],
    ],
    ['a plain program', { scripts: { build: 'tsc', start: 'node x.js' }, devDependencies: { typescript: '5' } }, []],
  ] as const)
    it(`is by ${name}: ${places.join() || 'nothing'}`, () => expect(mounts(fields)).to.deep.equal(places))

  it('lies where Next.js is told to build', () => {
    expect(mounts(next, { 'next.config.js': "module.exports = { distDir: 'out/next' }" })).to.deep.equal([
      'out/next/cache',
    ])
  })

  it('is the user’s that builds, before the code is there', () => {
    const { dockerfile } = planOf({ 'package.json': pkg(next), 'package-lock.json': '{}' })
    expect(dockerfile).to.match(/npm ci .* && mkdir -p \.next\/cache\n[^]*COPY --chown=node:node \. \.\n/)
  })

  it('is in the folder of the package of a workspace that is deployed', () => {
    const files = { 'apps/web/package.json': pkg({ name: 'web', ...next }) }
    expect(mounts({ workspaces: ['apps/*'] }, files)).to.deep.equal(['apps/web/.next/cache'])
  })

  for (const build of [
    'rm -rf .next && next build',
    'rimraf .next; next build',
    'npm run clean && next build',
    'npm ci && next build',
  ])
    it(`is nothing where \`${build}\` may take it away`, () =>
      expect(mounts({ ...next, scripts: { ...next.scripts, build, clean: 'rm -rf .next' } })).to.deep.equal([]))
})
