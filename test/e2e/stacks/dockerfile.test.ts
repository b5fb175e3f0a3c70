import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

/** Says in one line what its process has; `listen` is where it listens. */
const server = (listen: string): string =>
  `const { readFileSync } = require('fs')
const told = () => readFileSync('/told', 'utf8').trim()
require('http').createServer((q, r) => r.end([told(), process.env.PORT, process.env.BERTH_APP_DIR].join(' '))).listen(${listen})
`

describe('apps with Dockerfiles of their own', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })
  const set = async (app: string, ...settings: string[]): Promise<void> => {
    const { code, stderr } = await berth.berth([
      settings[0]?.includes('=') === true && /^(dir|dockerfile|target)=/.test(settings[0])
        ? 'builds:set'
        : 'config:set',
      ...settings,
      '-a',
      app,
    ])
    expect(code, stderr).to.equal(0)
  }

  it('have build args, a stage, a folder and a port of their own, and secrets that stay nowhere', async function () {
    this.timeout(patience)
    const secret = 'hunter2-of-the-build'
    const dockerfile = [
      'FROM node:24-bookworm-slim AS base',
      'ARG REVISION=none',
      'ARG UNSET=unset',
      'RUN --mount=type=secret,id=NPM_TOKEN --mount=type=secret,id=OTHER,env=OTHER,required \\',
      '  echo "$REVISION $UNSET $(sha256sum </run/secrets/NPM_TOKEN | cut -c1-8) $OTHER ${NOT_ASKED:-nothing}" >/told && cat /run/secrets/NPM_TOKEN',
      'COPY server.js /',
      'FROM base AS run',
      'EXPOSE 3456',
      'CMD ["node", "/server.js"]',
      'FROM base',
      'CMD ["false"]',
    ].join('\n')
    const repo = await berth.repository({
      'services/api/docker/Dockerfile.prod': dockerfile,
      'services/api/server.js': server('3456'),
    })
    const app = await createApp(berth, repo, 'own')
    await set(app, 'dir=services/api', 'dockerfile=docker/Dockerfile.prod', 'target=runn')
    await set(app, 'REVISION=r7', 'NOT_ASKED=1', `NPM_TOKEN=${secret}`)
    const stage = await repo.push()
    expect(stage.code).to.equal(1)
    expect(stage.stderr)
      .to.include('docker/Dockerfile.prod:10:1: no stage is named "runn"')
      .and.include('it has base, run')
    await set(app, 'target=run')
    const missing = await repo.push()
    expect(missing.code).to.equal(1)
    expect(missing.stderr).to.include(
      'the secret OTHER is a config var that builds do not have: berth config:set --build OTHER=',
    )
    await set(app, 'OTHER=other')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('docker/Dockerfile.prod detected in services/api').and.not.include(secret)
    const { stdout: sum } = await promisify(execFile)('sh', ['-c', `printf %s ${secret} | sha256sum | cut -c1-8`])
    expect((await berth.curl(app)).body.trim()).to.equal(`r7 unset ${sum.trim()} other nothing 3456`)

    const { image } = JSON.parse((await berth.berth(['releases:info', '--json', '-a', app])).stdout) as {
      image: string
    }
    const engine = connectEngine(berth.config)
    const words = JSON.stringify(await engine.images.inspect(image))
    expect(words).to.include('3456').and.not.include(secret)
    const found = await promisify(execFile)('sh', [
      '-c',
      `grep -rlF ${secret} ${berth.config.root} --exclude-dir=redis --exclude-dir=containers || true`,
    ])
    expect(found.stdout).to.equal('')
  })

  it('have an image for each process type, by name or by heroku.yml', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      Dockerfile: 'FROM node:24-bookworm-slim\nCOPY server.js /\nRUN echo web >/told\nCMD ["node", "/server.js"]\n',
      'Dockerfile.worker': 'FROM debian:bookworm-slim\nCMD ["sh", "-c", "echo working; sleep infinity"]\n',
      'Dockerfile.release': 'FROM debian:bookworm-slim\nRUN echo migrated >/done\nCMD ["cat", "/done"]\n',
      'Dockerfile.dev': 'FROM nowhere\n',
      'server.js': server('process.env.PORT'),
    })
    const app = await createApp(berth, repo, 'each')
    await set(app, 'BERTH_APP_DIR=.')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr)
      .to.include('Building Dockerfile.worker...')
      .and.include("Running release command: the image's own")
      .and.include('migrated')
      .and.include('Dockerfile.dev is not built')
    expect((await berth.curl(app)).body).to.equal('web 5000 ')
    expect((await berth.berth(['ps:scale', 'worker=1', '-a', app])).code).to.equal(0)
    const logs = await berth.berth(['logs', '-a', app])
    expect(logs.stdout).to.match(/worker\.1\S* working/)
    expect((await berth.berth(['run', 'node --version', '-a', app])).stdout).to.match(/^v24/)

    await repo.commit({
      'heroku.yml':
        'build:\n  docker:\n    web: Dockerfile\n    worker: jobs/Dockerfile\nrun:\n  worker:\n    command:\n      - sleep infinity\n  twice:\n    image: web\n    command: node -e "console.log(2)"\n',
      'jobs/Dockerfile': 'FROM debian:bookworm-slim\nCOPY note /\n',
      'jobs/note': 'from the folder of its Dockerfile\n',
    })
    const yml = await repo.push()
    expect(yml.code, yml.stderr).to.equal(0)
    expect(yml.stderr).to.include('heroku.yml detected').and.include('Runs worker=1 web=1')
    expect((await berth.curl(app)).body).to.equal('web 5000 ')
    expect((await berth.berth(['rollback', '-a', app])).code).to.equal(0)
    expect((await berth.berth(['ps', '-a', app])).stdout)
      .to.include('worker.1')
      .and.not.include('twice')
  })

  it('begin with official images that are made here, by whatever name', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      Dockerfile: [
        'ARG GO=1.22 PYTHON=3.13',
        'FROM --platform=$BUILDPLATFORM golang:${GO} AS build',
        'COPY main.go .',
        'RUN go build -o /hello main.go',
        'FROM python:${PYTHON}-slim',
        'RUN pip install --quiet --no-cache-dir six && useradd --create-home app',
        'COPY --from=build /hello /usr/local/bin/',
        'COPY server.py /',
        'USER app',
        'EXPOSE 80',
        'CMD ["python", "/server.py"]',
      ].join('\n'),
      'main.go': 'package main\n\nimport ("fmt"; "runtime")\n\nfunc main() { fmt.Print(runtime.Version()[:6]) }\n',
      'server.py': [
        'import http.server, os, six, subprocess, sys',
        'class Handler(http.server.BaseHTTPRequestHandler):',
        '    def do_GET(self):',
        '        self.send_response(200)',
        '        self.end_headers()',
        "        said = f\"{sys.version[:4]} {os.environ['PYTHON_VERSION']} {subprocess.check_output(['hello']).decode()}\"",
        '        self.wfile.write(said.encode())',
        'http.server.HTTPServer(("", 80), Handler).serve_forever()',
      ].join('\n'),
    })
    const app = await createApp(berth, repo, 'made')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('3.13 3.13.5 go1.22')
    await set(app, 'PYTHON=3.12')
    await repo.commit({})
    const absent = await repo.push()
    expect(absent.code).to.equal(1)
    expect(absent.stderr).to.include('Debian has 3.9 (bullseye), 3.11 (bookworm), 3.13 (trixie)')
  })

  const refusals: readonly [string, Record<string, string>, RegExp][] = [
    [
      'a RUN in an image without a shell',
      { Dockerfile: 'FROM debian:bookworm-slim AS d\nFROM scratch\nCOPY --from=d /etc/hostname /\nRUN echo hi\n' },
      /Dockerfile:4:1: the image of this stage has no shell: run the program itself/,
    ],
    [
      'an image that cannot be had',
      { Dockerfile: '# ours\nFROM node:20-alpine\n' },
      /node:20-alpine is not on this machine.* node:20-slim is made here[\s\S]*Dockerfile:2:6/,
    ],
    [
      'a step that fails',
      { Dockerfile: 'FROM debian:bookworm-slim\nRUN true && \\\n  echo oh no && false\n' },
      /oh no[\s\S]*Dockerfile:2:1: this step failed[\s\S]*returned a non-zero code: 1/,
    ],
    [
      'a Procfile for Windows',
      { Dockerfile: 'FROM debian:bookworm-slim\n', Procfile: 'web: .\\server.exe %PORT%\r\n' },
      /Procfile:1:6: `\.\\server\.exe %PORT%` is for Windows/,
    ],
    [
      'a script with line ends of Windows',
      {
        Dockerfile: 'FROM debian:bookworm-slim\nCOPY --chmod=755 run.sh /\nCMD ["/run.sh"]\n',
        'run.sh': '#!/bin/sh\r\nexec sleep infinity\r\n',
      },
      /whether the image has \/run\.sh; if it has, .* \(CRLF\)/,
    ],
  ]
  for (const [what, files, pattern] of refusals)
    it(`are told of ${what}`, async () => {
      const repo = await berth.repository(files)
      await createApp(berth, repo, 'told')
      const push = await repo.push()
      expect(push.code).to.equal(1)
      expect(push.stderr.replaceAll('remote: ', '')).to.match(pattern)
    })
})
