import { expect } from 'chai'
import { reasonOf } from '../../../src/buildpacks/reason.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const mine: Files = { 'buildpacks/mine/bin/compile': '#!/bin/sh\n', '.buildpacks': './buildpacks/mine\n' }
const node = pkg({ scripts: { start: 'node x.js' } })
const steps = (files: Files): string[] =>
  planOf(files)
    .dockerfile.replaceAll(/<<'FILE' (\S+)\n[^]*?\nFILE/g, '$1')
    .split('\n')
    .filter((line) =>
      /^(?:FROM|COPY --(?:chown|from=.*app)|COPY --chmod|RUN .*(?:run|fetch)-buildpack|USER|ENTRYPOINT|CMD)/.test(line),
    )
    .map((line) => line.replace(/--mount=\S+ |--chmod=\S+ /g, ''))

describe('buildpacks that are not our own', () => {
  it('change the app in a stage of their own, and say what runs when they are done', () => {
    const { dockerfile, ...plan } = planOf(mine)
    expect(plan).to.deep.include({
      buildpack: 'foreign',
      found: 'App for ./buildpacks/mine',
      processTypes: {},
      typesFile: '/etc/buildpacks/Procfile',
    })
    expect(dockerfile).to.include('--mount=type=cache,target=/cache,uid=1000,gid=1000 run-buildpack 1')
    const all = steps(mine)
    expect(all.at(-1)).to.include('/etc/buildpacks/Procfile')
    expect(all.slice(0, -1)).to.deep.equal([
      'FROM debian:bookworm-slim AS foreign-build',
      'COPY /usr/local/bin/run-buildpack',
      'COPY /usr/local/bin/read-release',
      'USER 1000:1000',
      'COPY --chown=1000:1000 . .',
      'RUN run-buildpack 1 ./buildpacks/mine buildpacks/mine',
      'FROM debian:bookworm-slim',
      'COPY /usr/local/bin/with-profile',
      'ENTRYPOINT ["/usr/local/bin/with-profile"]',
      'USER 1000:1000',
      'COPY --from=foreign-build --chown=1000:1000 /app /app',
    ])
  })

  it('say nothing of what runs where a Procfile does', () => {
    const plan = planOf({ ...mine, Procfile: 'web: bin/x\nworker: bin/y\n' })
    expect(plan.processTypes).to.deep.equal({ web: 'bin/x', worker: 'bin/y' })
    expect(plan.typesFile).to.equal(undefined)
    expect(planOf({ ...mine, Procfile: 'release: bin/z\n' })).to.deep.include({
      processTypes: { release: 'bin/z' },
      typesFile: '/etc/buildpacks/Procfile',
    })
  })

  it('are fetched from repositories, one after another', () => {
    const lines = 'https://git.test/me/one.git#v1.2\nhttps://git.test/me/two\n./buildpacks/mine'
    expect(steps({ ...mine, '.buildpacks': lines }).filter((line) => line.startsWith('RUN'))).to.deep.equal([
      'RUN fetch-buildpack 1 https://git.test/me/one.git v1.2',
      'RUN fetch-buildpack 2 https://git.test/me/two',
      'RUN run-buildpack 1 https://git.test/me/one.git#v1.2',
      'RUN run-buildpack 2 https://git.test/me/two',
      'RUN run-buildpack 3 ./buildpacks/mine buildpacks/mine',
    ])
  })

  it('leave the entrypoint of our own in place, behind the profile', () => {
    const files = { ...mine, 'index.php': '<?php\n' }
    const entrypoints = (list: string): string[] =>
      steps({ ...files, '.buildpacks': list }).filter((line) => line.startsWith('ENTRYPOINT'))
    expect(entrypoints('./buildpacks/mine\nheroku/php')).to.deep.equal([
      'ENTRYPOINT ["/usr/local/bin/with-profile","php-process"]',
    ])
    // where they come last they say what runs, and PHP serves nothing
    expect(entrypoints('heroku/php\n./buildpacks/mine')).to.deep.equal(['ENTRYPOINT ["/usr/local/bin/with-profile"]'])
  })

  it('stand before and after our own', () => {
    const files = { ...mine, 'package.json': node, 'x.js': '' }
    const before = steps({ ...files, '.buildpacks': './buildpacks/mine\nheroku/nodejs' })
    expect(before.slice(-5)).to.deep.equal([
      'COPY /usr/local/bin/with-profile',
      'ENTRYPOINT ["/usr/local/bin/with-profile"]',
      'USER node',
      'COPY --from=foreign --chown=node:node /app .',
      'CMD ["/bin/sh","-c","exec node x.js"]',
    ])
    const after = { ...files, '.buildpacks': 'heroku/nodejs\n./buildpacks/mine', Procfile: 'web: node x.js\n' }
    expect(steps(after).filter((line) => /^(?:FROM|COPY --|USER|CMD)/.test(line))).to.deep.equal([
      'FROM node:24-bookworm-slim AS nodejs',
      'USER node',
      'COPY --chown=node:node . .',
      'FROM nodejs AS nodejs-foreign-build',
      'USER root',
      'USER 1000:1000',
      'COPY --from=nodejs --chown=1000:1000 /app .',
      'FROM nodejs',
      'USER 1000:1000',
      'COPY --from=nodejs-foreign-build --chown=1000:1000 /app /app',
      'CMD ["/bin/sh","-c","exec node x.js"]',
    ])
  })

  it('have the packages of an Aptfile where they build and where the app runs', () => {
    expect(planOf({ ...mine, Aptfile: 'sox' }).dockerfile.match(/recommends sox /g)).to.have.length(2)
  })

  it('that are folders without a bin/compile are refused', () => {
    expect(complaintOf({ 'buildpacks/mine/README': '', '.buildpacks': './buildpacks/mine' })).to.match(
      /^\.buildpacks:1:1: \.\/buildpacks\/mine is no buildpack: it has no bin\/compile\n/,
    )
    expect(complaintOf({ 'a b/bin/compile': '', '.buildpacks': './a b' })).to.include('is no buildpack that')
  })

  it('fail with their own words before ours', () => {
    const image = planOf(mine)
    const reason = (...lines: string[]): string | null => reasonOf(image.buildpack, lines, { error: '', image })
    const end = 'buildpack ./buildpacks/mine: bin/compile ended with exit code 3'
    expect(reason('x', ' !     no server', end)).to.equal(
      'no server\n./buildpacks/mine: bin/compile ended with exit code 3',
    )
    expect(reason(' !     a warning')).to.equal(null)
    expect(reason('E: Unable to locate package x')).to.match(/^Debian has no package x/)
  })
})
