import { expect } from 'chai'
import { failureOf } from '../../../src/buildpacks/dockerfile/failure.js'

const dockerfile = 'FROM a\n# first\nRUN one && \\\n  two   three\nRUN four\n'
const failed = (error: string, lines: readonly string[] = [], patch = {}) =>
  failureOf(lines, { error, image: { dockerfile, ownDockerfile: 'deploy/Dockerfile', dockerignore: '', ...patch } })

describe('a Dockerfile that does not build', () => {
  const steps = ['Step 1/3 : FROM a', 'Step 2/3 : RUN one &&   two   three', 'oh no']

  it('has its failed step named by file and line', () => {
    expect(failed('The command x returned a non-zero code: 1', steps)).to.equal(
      'deploy/Dockerfile:3:1: this step failed',
    )
    expect(failed('x', [...steps, 'Step 3/3 : run four'], { context: 'jobs' })).to.equal(
      'jobs/deploy/Dockerfile:5:1: this step failed',
    )
    expect(failed('x', ['Step 3/3 : RUN five'])).to.equal(null)
    expect(failed('x', steps, { ownDockerfile: false })).to.equal(null)
  })

  it('is told what the program that failed says', () => {
    const image = { dockerfile: 'FROM a\nRUN mvn -q package\nRUN cd web && npm ci\n', ownDockerfile: 'Dockerfile' }
    const told = (...lines: string[]) => failed('The command x returned a non-zero code: 1', lines, image)
    const maven = 'Step 2/3 : RUN mvn -q package'
    const missing =
      '[ERROR] The goal you specified requires a project to execute but there is no POM in this directory (/).'
    expect(told(maven, missing)).to.match(/^Dockerfile:2:1: there is no pom\.xml in \/: run Maven where it lies/)
    expect(told(maven, '[ERROR] COMPILATION', '[ERROR] /app/src/A.java:[3,9] cannot find symbol')).to.equal(
      'Dockerfile:2:1: it does not compile: src/A.java:3:9: cannot find symbol',
    )
    // that would not choose it here
    expect(told(maven, 'error: release version 99 not supported')).to.equal('Dockerfile:2:1: this step failed')
    // what an earlier step wrote
    expect(told(maven, missing, 'Step 3/3 : RUN cd web && npm ci')).to.equal('Dockerfile:3:1: this step failed')
  })

  it('is left to the builder where that says the place itself', () =>
    expect(failed('deploy/Dockerfile:3:1: unknown flag', steps)).to.equal(null))

  it('is told what to do about a shell or a secret that is not there', () => {
    expect(failed('OCI: exec: "/bin/sh": stat /bin/sh: no such file or directory', steps)).to.match(
      /^deploy\/Dockerfile:3:1: the image of this stage has no shell: .*RUN \["\/app"/,
    )
    expect(failed('Dockerfile:4:1: secret NPM_TOKEN: not found')).to.include('berth config:set NPM_TOKEN=…')
  })
})
