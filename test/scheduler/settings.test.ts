import { expect } from 'chai'
import type { ProcessSettings } from '../../src/process-settings.js'
import { creationOf, oneOffCreation } from '../../src/scheduler/creation.js'
import { environmentOf, specHash } from '../../src/scheduler/desired.js'
import {
  appOfNetwork,
  graceIn,
  graceOf,
  joinsOf,
  networkIn,
  placesOf,
  settingsOf,
  stagesOf,
  startWords,
  variablesOf,
} from '../../src/scheduler/settings.js'
import { firstRelease, type Release } from '../../src/store/releases.js'

const release = (settings: Release['settings'], config: Release['config'] = {}): Release => ({
  ...firstRelease('a'),
  image: 'sha256:1',
  images: { db: 'sha256:2' },
  port: 80,
  processTypes: { web: null, db: null },
  config,
  settings,
})
const app = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 }
const init = { words: ['/.init'], host: { Binds: ['/x:/.init:ro'] }, archive: null }
const slotOf = (type: string) => ({ process: `${type}.1`, type, spec: 's' })

describe('the settings of a process type', () => {
  it('are nothing where the app has none, and leave the process as it is', () => {
    const before = release(undefined)
    expect(settingsOf(before, 'web')).to.deep.equal({})
    const { Labels, HostConfig, User } = creationOf({ instance: 'i', app, release: before }, slotOf('web'), {
      ...{ words: ['x'], init },
    })
    expect([Labels?.['berth.network'], Labels?.['berth.grace'], HostConfig.Mounts, User]).to.deep.equal([
      ...[undefined, undefined, undefined, undefined],
    ])
    // as it was before there were any: no upgrade restarts all
    expect(specHash(before, 'web')).to.equal('82431bcf4f0d4d55')
  })

  it('are those of web for what runs by hand, or the first', () => {
    const [web, db]: ProcessSettings[] = [{ user: 'w' }, { user: 'd' }]
    if (!web || !db) return
    expect(settingsOf(release({ db, web }), 'run')).to.equal(web)
    expect(settingsOf(release({ db }), 'release')).to.equal(db)
    expect(settingsOf(release({ db }), 'constructor')).to.deep.equal({})
  })

  it('have variables that config vars win over, and fill', () => {
    const settings: ProcessSettings = {
      environment: { URL: 'db://${PASS}@x', KEEP: 'file', ASKED: null, UNSET: null, BAD: '${', TAG: '$TAG' },
      defaults: { PASS: 'dev', TAG: '1' },
    }
    expect(variablesOf(settings, {})).to.deep.equal({ URL: 'db://dev@x', KEEP: 'file', BAD: '${', TAG: '1' })
    const config = { PASS: 's', KEEP: 'mine', ASKED: 'a', OTHER: 'o' }
    const named = { URL: 'db://s@x', KEEP: 'mine', ASKED: 'a', BAD: '${', TAG: '1' }
    expect(variablesOf(settings, config)).to.deep.equal({ ...named, ...config })
    expect(variablesOf({ ...settings, onlyNamed: true }, config)).to.deep.equal(named)
    const other = release({ db: { onlyNamed: true, environment: { A: null } } }, { A: '1', B: '2', PORT: '9' })
    const vars = environmentOf(app, other, slotOf('db'))
    expect(vars).to.include('A=1')
    expect(vars.filter((one) => /^(?:B|PORT)=/.test(one))).to.deep.equal([])
    expect(environmentOf(app, other, slotOf('web'))).to.include.members(['B=2', 'PORT=9'])
  })

  it('have words in place of the image’s', () => {
    const image = { entrypoint: ['/e'], cmd: ['c', '$X'] }
    const words = (settings: ProcessSettings): string[] =>
      startWords(settings, { X: '1' }, { command: 'not this', image })
    expect(words({})).to.deep.equal(['/e', 'c', '$X'])
    expect(words({ command: ['d', '${X}', '$$Y'] })).to.deep.equal(['/e', 'd', '1', '$Y'])
    expect(words({ entrypoint: ['/f'] })).to.deep.equal(['/f'])
    expect(words({ entrypoint: [], command: ['d'] })).to.deep.equal(['d'])
    const line = { command: 'echo $X', image: { entrypoint: [], cmd: [] } }
    expect(startWords(settingsOf(release(undefined), 'web'), {}, line)).to.deep.equal(['/bin/sh', '-c', 'exec echo $X'])
  })

  it('make another process of what changes in them, and of nothing else', () => {
    const hash = (db: ProcessSettings, config = {}): string => specHash(release({ db }, config), 'db')
    const db: ProcessSettings = { onlyNamed: true, command: ['x', '$P'], environment: { A: '${Q}' } }
    expect(hash(db)).to.equal(hash({ ...db, after: ['web'], memory: 1, cpus: 1 }))
    expect(hash(db)).to.equal(hash(db, { OTHER: '1' }))
    expect(hash(db)).to.equal(hash({ ...db, environment: { A: '${Q:-}' } }))
    for (const other of [{ user: 'x' }, { grace: 3 }, { volumes: [{ target: '/x' }] }, { command: ['y'] }])
      expect(hash({ ...db, ...other })).not.to.equal(hash(db))
    expect(hash(db, { P: '1' })).not.to.equal(hash(db))
    expect(hash(db, { Q: '1' })).not.to.equal(hash(db))
  })

  it('are asked of the engine', () => {
    const db: ProcessSettings = {
      volumes: [{ target: '/d', name: 'data', readOnly: true, subpath: 'x', noCopy: true }, { target: '/s' }],
      networks: [
        { name: 'back', aliases: ['db'], internal: true },
        { name: '', aliases: ['db'] },
      ],
      ...{ tmpfs: { '/t': 'size=1' }, grace: 90, stopSignal: 'SIGINT', user: '7', workingDirectory: '/w' },
      ...{ hostname: 'h', groups: ['8'], readOnly: true, sharedMemory: 9, droppedCapabilities: ['ALL'], pids: 5 },
      ...{ ulimits: [{ name: 'nofile', soft: 1, hard: 2 }], hosts: ['a:1.2.3.4'] },
    }
    const made = creationOf({ instance: 'i', app, release: release({ db }) }, slotOf('db'), { words: ['x'], init })
    expect(made).to.deep.include({
      ...{ Image: 'sha256:2', StopTimeout: 90, StopSignal: 'SIGINT', User: '7', WorkingDir: '/w', Hostname: 'h' },
      NetworkingConfig: { EndpointsConfig: { 'berth-a-back': { Aliases: ['db', 'db.1'] } } },
    })
    const { Mounts, ...host } = made.HostConfig
    expect(host).to.deep.include({
      ...{ NetworkMode: 'berth-a-back', Binds: ['/x:/.init:ro'], Tmpfs: { '/t': 'size=1' }, PidsLimit: 5 },
      ...{ GroupAdd: ['8'], ReadonlyRootfs: true, ShmSize: 9, CapDrop: ['ALL'], ExtraHosts: ['a:1.2.3.4'] },
      ...{ Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }], SecurityOpt: ['no-new-privileges'] },
    })
    expect(Mounts?.map(({ Type, Source, Target, ReadOnly }) => [Type, Source, Target, ReadOnly])).to.deep.equal([
      ['volume', 'berth-a-data', '/d', true],
      ['volume', '', '/s', false],
    ])
    expect(Mounts?.[0]?.VolumeOptions).to.deep.include({
      ...{ NoCopy: true, Subpath: 'x', Labels: { 'berth.instance': 'i', 'berth.app': 'a' } },
    })
    const labels = made.Labels ?? {}
    expect(networkIn(labels)).to.deep.equal({ network: 'berth-a-back', aliases: ['db', 'db.1'] })
    expect([graceIn(labels), graceOf({ grace: 90 }, { grace: 10 }), graceOf({}, { grace: 10 })]).to.deep.equal([
      ...[90, 90, 10],
    ])
    expect(joinsOf('a', db, ['db'])[1]).to.deep.equal({ network: 'berth-a', aliases: ['db'] })
    expect(placesOf(release({ db })).map(({ name }) => name)).to.deep.equal(['back'])
    expect([appOfNetwork('berth-ab-back'), appOfNetwork('berth-ab'), appOfNetwork('x')]).to.deep.equal([
      ...['ab', 'ab', null],
    ])
  })

  it('are had by a one-off too, under no name', () => {
    const web: ProcessSettings = { user: '7', networks: [{ name: 'back', aliases: ['web'] }] }
    const oneOff = { process: 'run.1', tty: false, stdin: false }
    const owner = { instance: 'i', app, release: release({ web }) }
    const made = oneOffCreation(owner, oneOff, { words: ['x'], init })
    expect([made.User, made.HostConfig.NetworkMode, made.NetworkingConfig]).to.deep.equal(['7', 'berth-a-back', {}])
  })

  it('have an order: a stage after what it waits for', () => {
    const all = ['web', 'db', 'worker', 'cache'].map((type) => ({ type }))
    const stages = (settings: Release['settings']): string[][] =>
      stagesOf(release(settings), all).map((stage) => stage.map(({ type }) => type))
    expect(stages(undefined)).to.deep.equal([['web', 'db', 'worker', 'cache']])
    expect(stages({ web: { after: ['worker'] }, worker: { after: ['db'] } })).to.deep.equal([
      ['db', 'cache'],
      ['worker'],
      ['web'],
    ])
    expect(stages({ web: { after: ['db'] }, db: { after: ['web', 'gone'] } }).flat()).to.have.length(4)
    expect(stagesOf(release({ web: { after: ['db'] } }), [])).to.deep.equal([])
    // each after all before it: two to the power of fifty ways through
    const names = Array.from({ length: 50 }, (_, at) => `s${String(at)}`)
    const dense = Object.fromEntries(names.map((name, at) => [name, { after: names.slice(0, at) }]))
    const slotsOfAll = names.map((type) => ({ type }))
    expect(stagesOf(release(dense), slotsOfAll).map(([slot]) => slot?.type)).to.deep.equal(names)
  })
})
