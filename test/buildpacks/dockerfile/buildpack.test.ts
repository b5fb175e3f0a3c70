import { expect } from 'chai'
import { complaintOf, planOf } from '../trees.js'

describe('an app with its own Dockerfile', () => {
  it('is built with it as it is, and its web process is the image’s command', () => {
    const text = 'FROM debian:bookworm-slim\nEXPOSE 8080\nCMD ["true"]\n'
    const plan = planOf({ Dockerfile: text, '.dockerignore': 'docs' })
    expect(plan.dockerfile).to.equal(text)
    expect(plan.dockerignore).to.equal('docs')
    expect(plan.processTypes).to.deep.equal({ web: null })
  })

  it('may have process types in a Procfile', () => {
    const types = (Procfile: string) => planOf({ Dockerfile: 'FROM debian', Procfile }).processTypes
    expect(types('worker: ./work')).to.deep.equal({ worker: './work' })
    expect(types('web: ./serve')).to.deep.equal({ web: './serve' })
    expect(types('release: ./migrate')).to.deep.equal({ web: null, release: './migrate' })
  })

  it('is told when it is empty', () =>
    expect(complaintOf({ Dockerfile: ' \n' })).to.include('Dockerfile:1:1: the file is empty'))
})
