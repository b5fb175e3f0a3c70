import { expect } from 'chai'
import { detect } from '../../../src/buildpacks/detect.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { complaintOf, pkg, planOf, withTree, type Files } from '../trees.js'

const front = pkg({ scripts: { build: 'vite build', start: 'vite' }, devDependencies: { vite: '8' } })
const back = { 'requirements.txt': 'flask\n', 'app.py': 'from flask import Flask\napp = Flask(__name__)\n' }
const both: Files = { ...back, 'package.json': front, 'package-lock.json': '{}' }
const steps = (dockerfile: string): string[] =>
  dockerfile
    .split('\n')
    .filter((line) => /^(?:FROM|COPY --|COPY \.|RUN .*(?:npm (?:ci|run)|uv pip install -r)|CMD)/.test(line))
const listed = (lines: string, more: Files = {}): ReturnType<typeof planOf> =>
  planOf({ ...both, '.buildpacks': lines, ...more })

describe('several buildpacks', () => {
  it('make one image: the last has the tree as the first has left it', () => {
    const plan = listed('https://github.com/heroku/heroku-buildpack-nodejs.git#v300\nheroku/python\n')
    expect(plan).to.deep.include({
      buildpack: 'nodejs+python',
      found: 'Node.js and Python app (Flask)',
      version: '3.11',
    })
    expect(plan.processTypes.web).to.match(/^gunicorn /)
    expect(steps(plan.dockerfile).map((line) => line.replace(/--mount=\S+ |&& .*|\\$/g, '').trim())).to.deep.equal([
      'FROM node:24-bookworm-slim AS nodejs-dependencies',
      'COPY --chown=node:node package.json package-lock.json ./',
      'RUN npm ci --include=dev --no-audit --no-fund --no-update-notifier',
      'FROM nodejs-dependencies AS nodejs-production',
      'FROM nodejs-dependencies AS nodejs-build',
      'COPY --chown=node:node . .',
      'RUN npm run build',
      'FROM node:24-bookworm-slim AS nodejs',
      'COPY --from=nodejs-production --chown=node:node /app/node_modules /app/node_modules',
      'COPY --from=nodejs-build --chown=node:node /tmp/built /app',
      'FROM python:3.11-slim-bookworm AS python-build',
      'FROM python:3.11-slim-bookworm',
      'COPY --from=python-build --chown=app:app /app/.venv /app/.venv',
      'COPY --from=nodejs --chown=app:app /app .',
      steps(plan.dockerfile).at(-1),
    ])
    expect(steps(plan.dockerfile).at(-1)).to.match(/^CMD .*gunicorn/)
    expect(plan.dockerignore).to.include('**/node_modules').and.include('.venv')
  })

  it('are read from .buildpacks, app.json and project.toml, and BUILDPACK_URL stands above them', () => {
    const app = { 'app.json': JSON.stringify({ buildpacks: [{ url: 'heroku/nodejs' }, 'heroku/python'] }, null, 2) }
    const project =
      '[_]\nid = "x"\n[[io.buildpacks.group]]\nid = "heroku/nodejs"\n[[io.buildpacks.group]]\nid = "heroku/python"\n'
    const old =
      '[[build.buildpacks]]\nid = "paketo-buildpacks/nodejs"\n[[build.buildpacks]]\nuri = "urn:cnb:registry:heroku/python"\n'
    for (const files of [app, { 'project.toml': project }, { 'project.toml': old }])
      expect(planOf({ ...both, ...files }).buildpack).to.equal('nodejs+python')
    expect(listed('# none yet\n', app).buildpack).to.equal('nodejs+python')
    expect(listed('heroku/nodejs', app).buildpack).to.equal('nodejs')
    const variables = { BUILDPACK_URL: 'https://github.com/heroku/heroku-buildpack-python' }
    withTree({ ...both, ...app }, (directory) => {
      expect(detect(directoryTree(directory), variables).buildpack).to.equal('python')
    })
    expect(planOf({ ...both, 'app.json': '{"name": "x"}' }).buildpack).to.equal('nodejs')
    expect(listed('heroku/python', { Dockerfile: 'FROM x' }).buildpack).to.equal('dockerfile')
  })

  it('leave out what is done anyway, doubles, and what serves a built site', () => {
    expect(listed('heroku-community/apt\nheroku/python\nheroku/python').buildpack).to.equal('python')
    expect(listed('https://github.com/heroku/heroku-buildpack-apt', { Aptfile: 'ffmpeg' }).buildpack).to.equal('nodejs')
    expect(listed('heroku/nodejs\nheroku-community/static').buildpack).to.equal('nodejs')
    expect(listed('heroku-community/static\nheroku/python', { 'index.html': '' }).found).to.match(/^Static site and/)
  })

  it('bring the Node.js that a process runs, and are refused another runtime that is not in the image', () => {
    const two = 'heroku/nodejs\nheroku/python'
    expect(listed(two).dockerfile).not.to.include('/mnt/local/bin/node')
    const plan = listed(two, { Procfile: 'web: gunicorn app:app\nsocket: node socket.js\n' })
    expect(plan.processTypes).to.deep.equal({ web: 'gunicorn app:app', socket: 'node socket.js' })
    expect(plan.dockerfile).to.match(/FROM python:3\.11-slim-bookworm\nRUN --mount=type=bind,from=nodejs,source=\/usr/)
    expect(
      complaintOf({
        ...both,
        '.buildpacks': 'heroku/python\nheroku/nodejs',
        Procfile: 'web: node x\njob: python x.py',
      }),
    ).to.match(
      /`python x\.py` runs Python, and the image is that of the last buildpack, Node\.js\nput heroku\/python last/,
    )
  })

  it('give Go the files that Node.js has built', () => {
    const files = {
      'package.json': front,
      'go.mod': 'module x\n\ngo 1.22\n',
      'main.go': 'package main\n\nfunc main() {}\n',
      '.buildpacks': 'heroku/nodejs\nheroku/go\n',
    }
    const { dockerfile } = planOf(files)
    expect(dockerfile).to.include('FROM golang:1.22-bookworm AS go-build')
    expect(dockerfile)
      .to.include('COPY --from=nodejs /app .')
      .and.include('COPY --from=go-build --chown=app:app /out /app')
  })

  it('have an Aptfile in all of them', () => {
    const { dockerfile } = listed('heroku/nodejs\nheroku/python', { Aptfile: 'ffmpeg' })
    expect(dockerfile.match(/ffmpeg/g)).to.have.length(4)
  })

  it('are refused where they stand', () => {
    const wrong: Readonly<Record<string, RegExp>> = {
      'heroku/go': /^\.buildpacks:2:1: heroku\/go does not take this tree: it is not a Go app \(go\.mod\)\n/,
      'hashnuke/cobol': /^\.buildpacks:2:1: hashnuke\/cobol is no buildpack that Berth can have\nname one of Heroku/,
      'http://x.test/y': /only https:\/\/ is fetched from/,
      'ext::sh -c id': /only https:\/\/ is fetched from/,
      'git@github.com:a/b.git': /only https:\/\/ is fetched from/,
      '--upload-pack=id': /is no buildpack that Berth can have\n/,
      'https://a:b@x.test/y': /password in it would be read by all/,
      'https://x.test/y.tgz': /archives are not fetched/,
      'https://x.test/y#--upload-pack=id': /is no buildpack that Berth can have\n/,
      'https://x.test/../y': /is no buildpack that Berth can have\n/,
      'https://-x.test/y': /is no buildpack that Berth can have\n/,
      './none': /there is no such folder in the repository\n/,
      '../../etc': /there is no such folder in the repository\n/,
    }
    for (const [line, words] of Object.entries(wrong))
      expect(complaintOf({ ...both, '.buildpacks': `# first\n${line}\n` }), line).to.match(words)
    expect(complaintOf({ ...both, 'app.json': '{\n "buildpacks": [{}]}' })).to.match(/^app\.json:2:2: one of the/)
    expect(complaintOf({ ...both, 'app.json': '{"buildpacks": [' })).to.match(/^app\.json:1:17: not JSON/)
    expect(complaintOf({ ...both, 'project.toml': '[x\n' })).to.match(/^project\.toml:1:\d+: /)
    expect(complaintOf({ ...both, 'project.toml': '[[io.buildpacks.group]]\nversion = "1"\n' })).to.match(
      /^project\.toml:1:1: one of the buildpacks has neither/,
    )
    expect(complaintOf({ ...both, '.buildpacks': 'heroku/x\n'.repeat(21) })).to.match(
      /^\.buildpacks:21:1: more than 20/,
    )
  })
})
