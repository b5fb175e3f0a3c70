import { expect } from 'chai'
import { addedBuildpacks } from '../../src/builds/added-buildpacks.js'
import { detect } from '../../src/buildpacks/detect.js'
import { BerthError } from '../../src/errors.js'
import type { BuildpackPlugin } from '../../src/plugins/kinds/buildpack.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import type { Buildpack } from '../../src/buildpacks/buildpack.js'
import { withTree, type Files } from '../buildpacks/trees.js'

const plan = { found: 'Perl app', dockerfile: 'FROM debian\n', processTypes: { web: 'starman' } }

/** A buildpack of a plugin that answers with that. */
async function added(answer: (...given: Parameters<BuildpackPlugin['plan']>) => unknown) {
  const instance = { takes: 'a Perl app', landmark: 'app.psgi', plan: answer } as BuildpackPlugin
  return addedBuildpacks({ running: () => Promise.resolve([{ name: 'perl', instance }] as never) })
}

const detected = (files: Files, all: readonly Buildpack[] = [], variables = {}) =>
  withTree(files, (directory) => detect(directoryTree(directory), variables, all))

const failureOf = (task: () => unknown): BerthError => {
  try {
    task()
  } catch (error) {
    return error as BerthError
  }
  throw new Error('it did not fail')
}

describe('buildpacks of plugins', () => {
  const tree = { 'app.psgi': '', 'package.json': '{"scripts":{"start":"node a.js"}}', '.dockerignore': 'tmp' }

  it('are asked before those of Berth, and after an own Dockerfile', async () => {
    const all = await added(() => plan)
    expect(detected(tree, all)).to.deep.include({ buildpack: 'perl', found: 'Perl app', dockerfile: 'FROM debian\n' })
    expect(detected({ Dockerfile: 'FROM x\n' }, all).buildpack).to.equal('dockerfile')
    expect(detected(tree).buildpack).to.equal('nodejs')
  })

  it('leave to others what is not of their kind', async () => {
    expect(detected(tree, await added(() => null)).buildpack).to.equal('nodejs')
    expect(failureOf(() => detected({ x: '' }, [])).hint).to.not.contain('Perl')
    const all = await added(() => null)
    expect(failureOf(() => detected({ x: '' }, all)).hint).to.contain('a Perl app')
  })

  it('give way to the Procfile of the app, and add to its .dockerignore', async () => {
    const all = await added(() => ({ ...plan, dockerignore: 'local' }))
    const found = detected({ 'app.psgi': '', Procfile: 'web: own\nworker: w', '.dockerignore': 'tmp' }, all)
    expect(found.processTypes).to.deep.equal({ web: 'own', worker: 'w' })
    expect(found.origin).to.equal('Procfile')
    expect(found.dockerignore.split('\n')).to.deep.equal(['.git', 'local', 'tmp'])
  })

  it('see the tree and the config vars', async () => {
    const all = await added((seen, variables) => ({
      ...plan,
      notes: [seen.names().join(' '), String(seen.read('app.psgi')), Object.keys(variables).join(' ')],
    }))
    expect(detected({ 'app.psgi': 'text' }, all, { A: 'b' }).notes).to.deep.equal(['app.psgi', 'text', 'A'])
  })

  it('refuse in their own words', async () => {
    const all = await added(() => {
      throw new BerthError('invalid', 'no cpanfile', 'write one')
    })
    expect(failureOf(() => detected(tree, all))).to.deep.include({ fault: 'invalid', message: 'no cpanfile' })
  })

  const wrong: readonly [what: string, answer: unknown, told: RegExp][] = [
    ['a promise', Promise.resolve(plan), /a promise, and is to answer at once/],
    ['no Dockerfile', { ...plan, dockerfile: '' }, /dockerfile/],
    ['no object', 'FROM x', /answers with no plan/],
    ['a process type that is none', { ...plan, processTypes: { 'a b': 'x' } }, /no name of a process type/],
    ['a port that is none', { ...plan, port: 70_000 }, /port/],
    ['what nobody asked for', { ...plan, user: 'root' }, /user/],
  ]
  for (const [what, answer, told] of wrong)
    it(`are named where one answers with ${what}`, async () => {
      const all = await added(() => answer)
      const failure = failureOf(() => detected(tree, all))
      expect(failure.message)
        .to.match(told)
        .and.match(/the buildpack perl/)
      expect(failure.hint).to.contain('berth plugins:disable perl')
    })

  it('are named where one throws', async () => {
    const all = await added(() => {
      throw new TypeError('x is not a function')
    })
    expect(failureOf(() => detected(tree, all)).message).to.equal('the buildpack perl failed: x is not a function')
  })
})
