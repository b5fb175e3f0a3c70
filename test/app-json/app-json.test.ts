import { expect } from 'chai'
import { checkFormation, readAppJson, type AppJson } from '../../src/app-json/app-json.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { BerthError } from '../../src/errors.js'
import { withTree, type Files } from '../buildpacks/trees.js'

const read = (text: string, more: Files = {}): AppJson | null =>
  withTree({ ...more, 'app.json': text }, (directory) => readAppJson(directoryTree(directory)))

const complaint = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    if (error instanceof BerthError) return error.message
    throw error
  }
  throw new Error('it was taken')
}

const nothing = { env: {}, formation: {}, scripts: {}, healthchecks: {}, cron: [], notes: [] }

describe('app.json', () => {
  it('may be absent, or empty, or say nothing', () => {
    expect(withTree({}, (directory) => readAppJson(directoryTree(directory)))).to.equal(null)
    expect(read(' \n')).to.equal(null)
    expect(read('{}')).to.deep.equal(nothing)
  })

  it('says which config vars the app wants, as Heroku and Dokku read it', () => {
    const { env } = read(
      '{"env": {"A": "one", "B": {"value": "two", "sync": true}, "C": {"generator": "secret"}, "D": {"required": false}, "E": {}}}',
    ) as AppJson
    expect(env).to.deep.equal({
      A: { value: 'one', required: true, sync: false },
      B: { value: 'two', required: true, sync: true },
      C: { value: '', required: true, sync: false, generator: 'secret' },
      D: { value: '', required: false, sync: false },
      E: { value: '', required: true, sync: false },
    })
  })

  it('says how many of a process type run', () => {
    const { formation } = read(
      '{"formation": {"web": {"quantity": 2, "size": "standard-1x"}, "worker": {"quantity": 0}, "clock": {}}}',
    ) as AppJson
    expect(formation).to.deep.equal({ web: 2, worker: 0 })
  })

  it('names scripts, in Heroku’s form and in Dokku’s', () => {
    expect(read('{"scripts": {"postdeploy": "rake db:seed"}}')?.scripts).to.deep.equal({ once: 'rake db:seed' })
    expect(read('{"scripts": {"postdeploy": {"command": "a", "size": "x"}, "predeploy": "b"}}')?.scripts).to.deep.equal(
      { once: 'a', before: 'b' },
    )
    expect(read('{"scripts": {"dokku": {"predeploy": "c", "postdeploy": "d"}, "predeploy": "b"}}')?.scripts)
      .to.deep //
      .equal({ before: 'c', after: 'd' })
    expect(read('{"scripts": {"test": "npm test", "postdeploy": " "}}')).to.deep.equal(nothing)
  })

  it('may have comments, commas too many, and names of its author’s own', () => {
    const text =
      '\uFEFF{ // ours\n "$schema": "x", "name": "a", "x-own": {"y": 1}, "_note": "n", /* "env": 1 */ "env": {"A": "1",},\n}'
    expect(read(text)).to.deep.equal({ ...nothing, env: { A: { value: '1', required: true, sync: false } } })
  })

  it('that is none, or has a value of another type, is refused with its place, and what was expected and found', () => {
    for (const [text, said] of [
      ['{"env": ', 'app.json:1:9: not JSON: the file ends too early'],
      ['[]', 'app.json:1:1: the file: expected object, received array'],
      ['{\n "env": []}', 'app.json:2:2: env: expected record, received array'],
      ['{"env":\n {"A": 5}}', 'app.json:2:3: env.A: expected object, received number'],
      ['{"env": {"A": {"value": 1}}}', 'app.json:1:16: env.A.value: expected string, received number'],
      ['{"env": {"A": {"required": "no"}}}', 'app.json:1:16: env.A.required: expected boolean, received string'],
      ['{"env": {"A": {"generator": "uuid"}}}', 'app.json:1:16: env.A.generator: expected "secret"'],
      ['{"env":\n {"A B": {}}}', 'app.json:2:3: "A B" is not the name of a config var'],
      ['{"env": {"__proto__": "2"}}', 'app.json:1:10: nothing can have the name __proto__'],
      ['{"env": {"BERTH_ROOT": "/"}}', 'app.json:1:10: the config var BERTH_ROOT is set by Berth itself'],
      [
        '{"formation": {"web": {"quantity": "2"}}}',
        'app.json:1:24: formation.web.quantity: expected number, received string',
      ],
      [
        '{"formation": {"web": {"quantity": -1}}}',
        'app.json:1:24: formation.web.quantity: Too small: expected number to be >=0',
      ],
      [
        '{"formation": {"web": {"quantity": 1.5}}}',
        'app.json:1:24: formation.web.quantity: expected int, received number',
      ],
      [
        '{"formation": {"web": {"quantity": 101}}}',
        'app.json:1:24: formation.web.quantity: Too big: expected number to be <=100',
      ],
      ['{"formation": {"web": 2}}', 'app.json:1:16: formation.web: expected object, received number'],
      ['{"scripts": "x"}', 'app.json:1:2: scripts: expected object, received string'],
      [
        '{"scripts": {"dokku": {"predeploy": ["x"]}}}',
        'app.json:1:24: scripts.dokku.predeploy: expected string, received array',
      ],
      [
        '{"scripts": {"postdeploy": {}}}',
        'app.json:1:14: scripts.postdeploy.command: expected string, received undefined',
      ],
    ] as const)
      expect(
        complaint(() => read(text)),
        text,
      ).to.equal(said)
  })

  it('warns of each name that nobody knows, with the one that is meant, and of names that are there twice', () => {
    const text = `{
  "enviroment": {}, "script": {},
  "env": {"A": {"value": "1", "requierd": false}, "A": "2"},
  "scripts": {"postDeploy": "x", "deploy": "y"},
  "addons": ["heroku-postgresql"], "environments": {"test": {"what": "ever"}}
}`
    expect(read(text)?.notes).to.deep.equal([
      'app.json:2: enviroment is not known',
      'app.json:2: script is not known: scripts is meant?',
      'app.json:3: env.A.requierd is not known: env.A.required is meant?',
      'app.json:4: scripts.postDeploy is not known: scripts.postdeploy is meant?',
      'app.json:4: scripts.deploy is not known',
      'app.json:3: env.A is here twice; the last one counts',
      'app.json:5: addons are not provided here: set the variables that they would set',
    ])
    const many = `{${Array.from({ length: 30 }, (_, at) => `"u${String(at)}": 1`).join(',')}}`
    expect(read(many)?.notes).to.have.length(21)
    expect(read(many)?.notes.at(-1)).to.equal('app.json: and 10 more')
  })

  it('of names like those of every object says what it says, and no more', () => {
    const { env, formation } = read(
      '{"env": {"constructor": "1"}, "formation": {"toString": {"quantity": 1}}, "x": {"__proto__": {"value": 2}}}',
    ) as AppJson
    expect(Object.entries(env).map(([name, { value }]) => [name, value])).to.deep.include(['constructor', '1'])
    expect(Object.keys(formation)).to.deep.equal(['toString'])
    expect({}).not.to.have.property('value')
  })

  it('wants no process of a type that the app has not', () => {
    checkFormation({ web: 1, gone: 0 }, { web: null })
    expect(complaint(() => checkFormation({ worker: 2 }, { web: null, release: 'x' }))).to.equal(
      'app.json wants 2 of process type "worker", which the app does not have',
    )
    expect(complaint(() => checkFormation({ release: 1 }, { release: 'x' }))).to.include('"release"')
  })

  it('that is larger, or deeper, than any is refused', () => {
    expect(complaint(() => read(`{"a": "${'x'.repeat(1 << 20)}"}`))).to.include('too large')
    expect(complaint(() => read('['.repeat(1_000_000)))).to.include('not JSON')
    read(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
    read(`{"env": {${Array.from({ length: 30_000 }, (_, at) => `"A${String(at)}": ""`).join(',')}}}`)
    const unknown = Array.from({ length: 60_000 }, (_, at) => `"u${String(at)}": 1`)
    expect(read(`{${unknown.join(',\n')}}`)?.notes).to.have.length(21)
  })
})
