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

  it('is left to the builder where that says the place itself', () =>
    expect(failed('deploy/Dockerfile:3:1: unknown flag', steps)).to.equal(null))

  it('is told what to do about a shell or a secret that is not there', () => {
    expect(failed('OCI: exec: "/bin/sh": stat /bin/sh: no such file or directory', steps)).to.match(
      /^deploy\/Dockerfile:3:1: the image of this stage has no shell: .*RUN \["\/app"/,
    )
    expect(failed('Dockerfile:4:1: secret NPM_TOKEN: not found')).to.include('berth config:set NPM_TOKEN=…')
  })
})
