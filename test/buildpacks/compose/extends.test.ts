import { expect } from 'chai'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { detect } from '../../../src/buildpacks/detect.js'
import { SourceError } from '../../../src/buildpacks/source-error.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { withTree, type Files } from '../trees.js'

const plan = (files: Files): Plan => withTree(files, (directory) => detect(directoryTree(directory), {}))

/** The one refusal that a tree gets. */
function refusal(files: Files): string {
  try {
    plan(files)
  } catch (error) {
    if (error instanceof SourceError) return error.message
    throw error
  }
  return expect.fail('it was taken')
}

describe('a service of a compose file that takes over from another', () => {
  it('has what that one has, with its own over it', () => {
    const { settings, processTypes, formation, images } = plan({
      'compose.yaml': `
services:
  base:
    image: debian
    command: [base, command]
    environment: [A=1, "B=2", C]
    volumes: ["data:/data", "/scratch"]
    ulimits: {nofile: 1024, nproc: 10}
    deploy: {replicas: 2, resources: {limits: {memory: 128M}}}
    networks: [default]
    tmpfs: /run
    cap_drop: [NET_RAW]
  worker:
    extends: base
    environment: {B: "3", D: "4"}
    volumes: ["other:/data"]
    ulimits: {nofile: 2048}
    deploy: {resources: {limits: {cpus: "0.5"}}}
    networks: {default: {aliases: [w]}}
    tmpfs: [/tmp]
    cap_drop: [CHOWN]
  web:
    extends: {service: worker}
    image: nginx
    command: serve
    ports: ["80"]
volumes: {data: , other: }
`,
    })
    expect(processTypes).to.deep.equal({ base: 'base command', worker: 'base command', web: 'serve' })
    expect(formation).to.deep.equal({ base: 2, worker: 2, web: 2 })
    expect(settings?.base?.environment).to.deep.equal({ A: '1', B: '2', C: null })
    expect(settings?.worker).to.deep.include({
      environment: { A: '1', B: '3', C: null, D: '4' },
      volumes: [{ target: '/scratch' }, { target: '/data', name: 'other' }],
      tmpfs: { '/run': '', '/tmp': '' },
      droppedCapabilities: ['NET_RAW', 'CHOWN'],
    })
    expect(settings?.worker?.ulimits).to.deep.equal([
      { name: 'nofile', soft: 2048, hard: 2048 },
      { name: 'nproc', soft: 10, hard: 10 },
    ])
    expect(settings?.worker?.networks).to.deep.equal([{ name: '', aliases: ['worker', 'w'] }])
    expect(settings?.web?.environment).to.deep.equal(settings?.worker?.environment)
    expect([images?.base?.dockerfile, images?.worker?.dockerfile]).to.deep.equal(['FROM debian\n', 'FROM debian\n'])
  })

  it('has it from another file, whose paths count from where that is', () => {
    const made = plan({
      'compose.yaml':
        'services:\n  web:\n    extends: {service: app, file: common/base.yaml}\n    environment: {B: "2"}\n',
      'common/base.yaml':
        'services:\n  app:\n    extends: {file: deep/x.yaml, service: root}\n    build: ../api\n    env_file: [a.env]\n',
      'common/a.env': 'A=1\nB=1\n',
      'common/deep/x.yaml': 'services:\n  root:\n    build: {args: {LEVEL: "2"}}\n    env_file: x.env\n',
      'common/deep/x.env': 'X=1\nA=0\n',
      'api/Dockerfile': 'FROM debian\nARG LEVEL\nCMD x\n',
    })
    expect(made).to.include({ context: 'api', ownDockerfile: 'Dockerfile' })
    expect(made.args).to.deep.equal({ LEVEL: '2' })
    expect(made.settings?.web?.environment).to.deep.equal({ X: '1', A: '1', B: '2' })
  })

  it('is refused where the other says what cannot be, at its place in its file', () => {
    const files = {
      'compose.yaml': 'services:\n  web:\n    extends: {service: app, file: base.yaml}\n    image: debian\n',
    }
    const base = (lines: string) => ({ ...files, 'base.yaml': `services:\n  app:\n${lines}` })
    expect(refusal(base('    image: x\n    privileged: true\n'))).to.match(
      /^base\.yaml:4:1: services\.(app|web)\.privileged is "true"/,
    )
    expect(refusal(base('    environment: ["A=${X:?must}"]\n'))).to.match(/^base\.yaml:3:1: .*must/)
    expect(refusal(base('    depends_on: [db]\n'))).to.match(/names "db", which the file does not have/)
    expect(refusal(base('    extends: {service: web, file: compose.yaml}\n'))).to.match(
      /^base\.yaml:3:1: .*extends is a circle/,
    )
    expect(refusal({ ...files, 'base.yaml': 'services: {app: [}' })).to.match(/^base\.yaml:1/)
    expect(refusal({ ...files, 'base.yaml': 'services: {app: 1}' })).to.match(
      /^base\.yaml:1:1: services\.app is no map/,
    )
    const row = Array.from({ length: 12 }, (_, at) => `  s${at}: {image: x, extends: s${at + 1}}\n`).join('')
    expect(refusal({ 'compose.yaml': `services:\n${row}  s12: {image: x}\n` })).to.match(/or too long a row/)
  })
})
