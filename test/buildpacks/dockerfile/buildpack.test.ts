import { expect } from 'chai'
import { detect } from '../../../src/buildpacks/detect.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { complaintOf, planOf, withTree, type Files } from '../trees.js'

const plan = (files: Files, variables: Record<string, string> = {}): Plan =>
  withTree(files, (directory) => detect(directoryTree(directory), variables))
const complaint = (files: Files, variables: Record<string, string>): string => {
  try {
    plan(files, variables)
  } catch (error) {
    const { message, hint = '' } = error as Error & { hint?: string }
    return `${message}\n${hint}`
  }
  throw new Error('it was taken')
}

describe('an app with its own Dockerfile', () => {
  it('is built with it as it is, and its web process is the image’s command', () => {
    const text = 'FROM debian:bookworm-slim\nEXPOSE 8080\nCMD ["true"]\n'
    const plan = planOf({ Dockerfile: text, '.dockerignore': 'docs' })
    expect(plan.dockerfile).to.equal(text)
    expect(plan.dockerignore).to.equal('docs')
    expect(plan.processTypes).to.deep.equal({ web: null })
    expect(plan).to.include({ ownDockerfile: 'Dockerfile', port: 8080, found: 'Dockerfile' })
  })

  it('may have process types in a Procfile', () => {
    const types = (Procfile: string) => planOf({ Dockerfile: 'FROM debian', Procfile }).processTypes
    expect(types('worker: ./work')).to.deep.equal({ worker: './work' })
    expect(types('web: ./serve')).to.deep.equal({ web: './serve' })
    expect(types('release: ./migrate')).to.deep.equal({ web: null, release: './migrate' })
  })

  it('is told when it is empty', () =>
    expect(complaintOf({ Dockerfile: ' \n' })).to.include('Dockerfile:1:1: the file is empty'))

  it('gets the config vars that it declares by ARG, and no other', () => {
    const Dockerfile = 'ARG BASE=debian\nFROM $BASE\nARG REVISION \\\n  LEVEL=1\nARG UNSET constructor\nRUN : $SECRET\n'
    const vars = { BASE: 'debian:12', LEVEL: '2', SECRET: 'no', REVISION: '' }
    expect(plan({ Dockerfile }, vars).args).to.deep.equal({ BASE: 'debian:12', LEVEL: '2', REVISION: '' })
    expect(plan({ Dockerfile }).args).to.equal(undefined)
  })

  it('is told of secrets that are not set', () => {
    const Dockerfile = 'FROM a\nARG NPM_TOKEN PLAIN\nRUN --mount=type=secret,id=A --mount=type=secret,id=B x\n'
    expect(plan({ Dockerfile }, { B: '1' }).notes).to.deep.equal([
      'Dockerfile: the secret A is a config var that builds do not have: berth config:set --build A=…',
    ])
    expect(plan({ Dockerfile }, { A: '', B: '1', NPM_TOKEN: 'x', PLAIN: 'x' }).notes).to.deep.equal([])
  })

  it('is built by the Dockerfile and to the stage that are set', () => {
    const files = {
      'package.json': '{"scripts":{"start":"node ."}}',
      Dockerfile: 'FROM a',
      'deploy/Dockerfile.prod': 'FROM b AS Build\nEXPOSE 1\nFROM Build AS test\nFROM c\nEXPOSE 2',
      'deploy/Dockerfile.prod.dockerignore': 'x',
    }
    const BERTH_DOCKERFILE = 'deploy/Dockerfile.prod'
    const whole = plan(files, { BERTH_DOCKERFILE })
    expect(whole).to.include({ ownDockerfile: BERTH_DOCKERFILE, dockerignore: 'x', port: 2, found: BERTH_DOCKERFILE })
    expect(whole.notes).to.deep.equal([
      'Dockerfile is not built: name its process type in a Procfile, or berth builds:set dockerfile=Dockerfile',
    ])
    for (const target of ['test', 'build', '1', 'TEST'])
      expect(plan(files, { BERTH_DOCKERFILE, BERTH_DOCKERFILE_TARGET: target }), target).to.include({ target, port: 1 })
    expect(complaint(files, { BERTH_DOCKERFILE, BERTH_DOCKERFILE_TARGET: 'final' })).to.equal(
      'deploy/Dockerfile.prod:4:1: no stage is named "final"\nit has Build, test; to build the last: berth builds:unset target',
    )
    expect(complaint(files, { BERTH_DOCKERFILE: 'gone' })).to.equal(
      'BERTH_DOCKERFILE is gone, and there is no such file\nat the top there are Dockerfile; to build as usual: berth builds:unset dockerfile',
    )
    expect(complaint(files, { BERTH_DOCKERFILE: '../../etc/hostname' })).to.include('there is no such file')
  })
})

describe('an app with a Dockerfile for a process type', () => {
  const imagesOf = ({ images = {} }: Plan) =>
    Object.fromEntries(Object.entries(images).map(([type, { ownDockerfile }]) => [type, ownDockerfile]))

  it('runs that type in an image of its own', () => {
    const made = planOf({ Dockerfile: 'FROM a', 'Dockerfile.worker': 'FROM b\nEXPOSE 9', 'Dockerfile.dev': 'FROM c' })
    expect(made.ownDockerfile).to.equal('Dockerfile')
    expect(imagesOf(made)).to.deep.equal({ worker: 'Dockerfile.worker' })
    expect(made.processTypes).to.deep.equal({ web: null, worker: null })
    expect(made.port).to.equal(undefined)
    expect(made.notes.join()).to.include('Dockerfile.dev is not built')
  })

  it('may have no other, and then builds no other', () => {
    const made = planOf({ 'Dockerfile.web': 'FROM a', 'Dockerfile.release': 'FROM b' })
    expect([made.ownDockerfile, imagesOf(made)]).to.deep.equal(['Dockerfile.web', { release: 'Dockerfile.release' }])
    expect(made.processTypes).to.deep.equal({ release: null, web: null })
    const unused = planOf({ Dockerfile: 'FROM x', 'Dockerfile.web': 'FROM a', 'Dockerfile.worker': 'FROM b' })
    expect(unused.ownDockerfile).to.equal('Dockerfile.web')
    expect(unused.notes.join()).to.include('Dockerfile is not built')
    expect(planOf({ 'Dockerfile.worker': 'FROM b' }).processTypes).to.deep.equal({ worker: null })
  })

  it('is of any name that the Procfile has, which says what it runs', () => {
    const made = planOf({ Dockerfile: 'FROM a', 'Dockerfile.mailer': 'FROM b', Procfile: 'web: ./w\nmailer: ./m' })
    expect(imagesOf(made)).to.deep.equal({ mailer: 'Dockerfile.mailer' })
    expect(made.processTypes).to.deep.equal({ web: './w', mailer: './m' })
    const named = planOf({ Dockerfile: 'FROM a', 'Dockerfile.worker': 'FROM b', Procfile: 'web: ./w' })
    expect(named.processTypes).to.deep.equal({ web: './w', worker: null })
  })
})

describe('an app with a heroku.yml', () => {
  const yml = `
setup:
  addons:
    - plan: heroku-postgresql
      as: DATABASE
  config:
    S3_BUCKET: example # a comment
build:
  docker:
    web: Dockerfile
    worker:
      dockerfile: jobs/Dockerfile
      target: run
  config:
    RAILS_ENV: "production"
    UNASKED: x
release:
  command:
  - ./migrate.sh
  image: worker
run:
  web: bundle exec puma -p $PORT
  mailer:
    command:
      - python mail.py
      - echo over
    image: worker
  clock:
    command: ["tick", 'tock']
`
  const files = {
    'heroku.yml': yml,
    Dockerfile: 'FROM a\nARG RAILS_ENV',
    'jobs/Dockerfile': 'FROM b AS run\nFROM c',
    Procfile: 'web: other',
  }

  it('has the images, build args and commands that it says', () => {
    const made = plan(files)
    expect(made).to.include({ ownDockerfile: 'Dockerfile', origin: 'heroku.yml' })
    expect(made.args).to.deep.equal({ RAILS_ENV: 'production' })
    expect(plan(files, { RAILS_ENV: 'test' }).args).to.deep.equal({ RAILS_ENV: 'test' })
    expect(made.processTypes).to.deep.equal({
      web: 'bundle exec puma -p $PORT',
      mailer: 'python mail.py && echo over',
      clock: 'tick tock',
      release: './migrate.sh',
      worker: null,
    })
    const { worker, mailer, release, web, clock } = made.images ?? {}
    expect(worker).to.include({ context: 'jobs', ownDockerfile: 'Dockerfile', target: 'run' })
    expect([mailer, release, web, clock]).to.deep.equal([worker, worker, undefined, undefined])
    expect(made.notes.join('\n'))
      .to.include('set S3_BUCKET by')
      .and.include('addons')
      .and.include('Procfile is not read')
  })

  it('is told what is wrong in it, and where', () => {
    const told = (text: string) => complaintOf({ ...files, 'heroku.yml': text })
    expect(told('build:\n  docker:\n    web: gone/Dockerfile')).to.include('heroku.yml names gone/Dockerfile')
    expect(told('build:\n  docker:\n    web: ../Dockerfile')).to.include('heroku.yml names ../Dockerfile')
    expect(told('build:\n  docker:\n    web: Dockerfile\nrun:\n  web:\n    command: x\n    image: nope')).to.include(
      'heroku.yml:7:1: there is no image "nope"',
    )
    expect(told('build:\n  docker:\n    web: Dockerfile\n    web: Dockerfile')).to.include(
      'heroku.yml:4:1: web is here twice',
    )
    expect(told('build:\n  docker:\n    web: *x')).to.include('heroku.yml:3:1: nothing is called *x')
    expect(told('build:\n  docker:\n    a b: Dockerfile')).to.include('cannot be the name of a process type')
    expect(told('build:\n\tdocker: x')).to.include('heroku.yml:2:1: Tabs are not allowed as indentation')
  })

  it('is left alone where it builds nothing by Docker', () =>
    expect(planOf({ 'heroku.yml': 'build:\n  languages:\n    - ruby\n', 'index.html': '' }).buildpack).to.equal(
      'static',
    ))
})
