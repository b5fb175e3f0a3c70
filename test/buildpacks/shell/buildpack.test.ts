import { expect } from 'chai'
import { complaintOf, planOf, type Files } from '../trees.js'

const packages = (files: Files): string =>
  /--no-install-recommends ([\w. +-]+?) &&/.exec(planOf(files).dockerfile)?.[1] ?? ''

describe('the shell buildpack', () => {
  it('runs start.sh by the shell that it names', () => {
    const { dockerfile, ...plan } = planOf({ 'start.sh': '#!/bin/bash\necho hi\n' })
    expect(plan).to.deep.include({ buildpack: 'shell', found: 'shell script', processTypes: { web: './start.sh' } })
    expect(dockerfile).to.include('RUN chmod +x start.sh\nCMD ["/bin/sh","-c","exec ./start.sh"]')
    expect(packages({ 'start.sh': '#!/usr/bin/env zsh\n' })).to.equal('ca-certificates zsh')
    expect(packages({ 'start.sh': '#!/usr/bin/env -S bash -e\n' })).to.equal('ca-certificates')
    expect(packages({ 'start.sh': 'echo none\n' })).to.equal('ca-certificates')
    expect(complaintOf({ 'start.sh': '#!/opt/x/nushell\n' })).to.match(/^start\.sh:1:1: it is for nushell/)
    expect(complaintOf({ 'start.sh': '#!/bin/sh\r\necho\r\n' })).to.match(/^start\.sh:1:1: its lines end with CR LF/)
  })

  it('installs the commands that scripts call', () => {
    const script = '#!/bin/sh\n# wget is not called\ncurl -s x | jq .y; x=$(psql -c z) && mycurl unzipped\n'
    expect(packages({ 'start.sh': script })).to.equal('ca-certificates curl jq postgresql-client')
    expect(packages({ 'start.sh': './answer.sh\n', 'answer.sh': 'socat - -\n' })).to.equal('ca-certificates socat')
  })

  it('takes a Procfile that runs scripts of the tree', () => {
    const plan = planOf({
      Procfile: 'web: bash -e ./serve.sh 80\nwork: bin/work\n',
      'serve.sh': '',
      'bin/work': '#!/bin/sh\n',
    })
    expect(plan).to.deep.include({
      buildpack: 'shell',
      origin: 'Procfile',
      processTypes: { web: 'bash -e ./serve.sh 80', work: 'bin/work' },
    })
    expect(plan.dockerfile).to.include('RUN chmod +x serve.sh bin/work\n')
    for (const command of ['../x.sh', 'gone.sh', 'data', 'sleep 1'])
      expect(complaintOf({ Procfile: `web: ${command}\n`, data: 'x' }), command).to.include('no stack recognised')
  })

  it('leaves a start.sh beside another stack to that', () => {
    const start = { 'start.sh': '#!/bin/sh\n' }
    expect(planOf({ ...start, 'main.py': '' }).buildpack).to.equal('python')
    expect(planOf({ ...start, 'index.html': '' }).buildpack).to.equal('static')
    expect(planOf({ ...start, Aptfile: 'sox\n', Procfile: 'web: ./start.sh\n' }).buildpack).to.equal('apt')
    expect(planOf({ ...start, Aptfile: 'sox\n' }).buildpack).to.equal('shell')
    expect(planOf({ ...start, Makefile: '', 'x.c': '' }).buildpack).to.equal('cpp')
  })
})
