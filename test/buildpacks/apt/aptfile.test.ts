import { expect } from 'chai'
import { aptReason } from '../../../src/buildpacks/apt/failure.js'
import { phpStage } from '../../../src/buildpacks/php/php-stage.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const worker = (aptfile: string): Files => ({ Aptfile: aptfile, Procfile: 'worker: ./work.sh' })
const installs = (files: Files): string[] =>
  planOf(files)
    .dockerfile.split('\n')
    .flatMap((line) => /noninteractive apt-get install -qy --no-install-recommends (.*?) && rm/.exec(line)?.[1] ?? [])

describe('an Aptfile', () => {
  it('is an app with a Procfile alone', () => {
    const plan = planOf(worker('ffmpeg\n'))
    expect(plan).to.deep.include({ buildpack: 'apt', found: 'Aptfile', processTypes: { worker: './work.sh' } })
    expect(plan.dockerfile).to.match(/^FROM debian:bookworm-slim\nRUN apt-get update .* ffmpeg /)
    expect(complaintOf({ Aptfile: 'ffmpeg' })).to.match(/nothing says what runs\nwrite a Procfile/)
  })

  it('is one or more packages a line, with comments', () => {
    const text = '# libraries\nlibpq5 libxml2  # both\n\n\tg++\nlibc6:amd64\nffmpeg=7:5.1.6-0+deb12u1\r\nlibpq5\n'
    expect(installs(worker(text))).to.deep.equal(['libpq5 libxml2 g++ libc6:amd64 ffmpeg=7:5.1.6-0+deb12u1'])
    expect(installs(worker('# none\n'))).to.deep.equal([])
  })

  it('is installed in the stages of every stack that build or run the app, and in no other', () => {
    const aptfile = { Aptfile: 'libmagic1' }
    const counts: readonly (readonly [string, number, Files])[] = [
      ['one stage', 1, { 'package.json': pkg({ scripts: { start: 'node x.js' } }) }],
      [
        'two stages',
        2,
        { 'requirements.txt': 'flask\n', 'app.py': 'from flask import Flask\napp = Flask(__name__)\n' },
      ],
      ['a stage that fetches a runtime', 1, { 'deno.json': '{}', 'main.ts': '' }],
      [
        'a site that is built',
        1,
        { 'package.json': pkg({ scripts: { build: 'vite build' }, devDependencies: { vite: '8' } }), 'index.html': '' },
      ],
      ['a site', 0, { 'index.html': '' }],
    ]
    for (const [what, count, files] of counts) expect(installs({ ...aptfile, ...files }), what).to.have.length(count)
    expect(planOf({ ...aptfile, Dockerfile: 'FROM x' }).dockerfile).to.equal('FROM x')
  })

  it('may be a list in a project.toml', () => {
    const project = (list: string): Files => ({
      'project.toml': `[com.heroku.buildpacks.deb-packages]\ninstall = ${list}\n`,
      'package.json': pkg({ scripts: { start: 'node x.js' } }),
    })
    expect(installs(project('["git", { name = "sox", skip_dependencies = true }]'))).to.deep.equal(['git sox'])
    expect(complaintOf(project('["git",\n "x;id"]'))).to.match(/^project\.toml:3:3: `x;id` is not the name/)
    expect(complaintOf(project('[1'))).to.match(/^project\.toml:\d+:\d+: /)
  })

  it('is installed after what all PHP apps have in common', () => {
    const { dockerfile } = planOf({ Aptfile: 'sox', 'index.php': '<?php' })
    expect(dockerfile.startsWith(`${phpStage('8.2')}\nRUN apt-get update -q && DEBIAN_FRONTEND`)).to.equal(true)
    expect(installs({ Aptfile: 'sox', 'index.php': '<?php' })).to.deep.equal(['sox'])
  })

  it('may have names of Ubuntu, which is said', () => {
    const plan = planOf(worker('libgl1-mesa-glx libasound2t64'))
    expect(plan.dockerfile).to.include(' libgl1 libasound2 ')
    expect(plan.notes).to.deep.equal([
      "Aptfile: libgl1-mesa-glx is Ubuntu's name: libgl1 is installed",
      "Aptfile: libasound2t64 is Ubuntu's name: libasound2 is installed",
    ])
  })

  it('has nothing but names of packages: each other word is refused where it stands', () => {
    const refused: Readonly<Record<string, RegExp>> = {
      'x;id': /^Aptfile:2:6: `x;id` is not the name of a Debian package\n/,
      '-oAPT::Update::Pre-Invoke::=id': /is not the name/,
      '--allow-unauthenticated': /is not the name/,
      '$(id)': /is not the name/,
      'a/../b': /is not the name/,
      'ffmpeg=$(id)': /is not the name/,
      constructor: /^$/,
      ':repo:deb http://x.test/ bookworm main': /from Debian alone, not from other repositories\n/,
      'https://x.test/a.deb': /is a file, made for another system perhaps/,
      './a.deb': /is a file/,
    }
    for (const [word, words] of Object.entries(refused))
      if (word === 'constructor') expect(installs(worker(word))).to.deep.equal([word])
      else expect(complaintOf(worker(`curl\njq   ${word}\n`)), word).to.match(words)
    expect(complaintOf(worker(Array.from({ length: 301 }, (_, index) => `p${String(index)}a`).join(' ')))).to.match(
      /more than 300 packages/,
    )
  })

  it('that asks for what Debian lacks is what is said', () => {
    const lines: Readonly<Record<string, RegExp>> = {
      'E: Unable to locate package nope': /^Debian has no package nope: correct the Aptfile/,
      "E: Version '9' for 'ffmpeg' was not found": /^Debian has ffmpeg, but not in the version/,
      "E: Package 'x' has no installation candidate": /^Debian has no package x that can be installed/,
    }
    for (const [line, words] of Object.entries(lines)) expect(aptReason(['Reading…', line])).to.match(words)
    expect(aptReason(['E: something else'])).to.equal(null)
  })
})
