import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../run.js'
import * as apps from './apps.js'
import { createApp, freshName, instance, type Instance, type Repository } from './instance.js'

let berth: Instance
before(async function () {
  this.timeout(300_000)
  berth = await instance()
})

/** Every app and every release: what bad input must not change. */
async function state(): Promise<string> {
  const list = JSON.parse((await berth.berth(['apps', '--json'])).stdout) as { name: string }[]
  const releases = await Promise.all(list.map(({ name }) => berth.berth(['releases', '--json', '-a', name])))
  return JSON.stringify([list, releases.map(({ stdout }) => stdout)])
}

async function changesNothing(act: () => Promise<unknown>): Promise<void> {
  const before = await state()
  await act()
  expect(await state()).to.equal(before)
}

async function live(stem: string, text = 'up'): Promise<{ name: string; repo: Repository }> {
  const repo = await berth.repository(apps.answering(text))
  const name = await createApp(berth, repo, stem)
  const push = await repo.push()
  expect(push.code, push.stderr).to.equal(0)
  return { name, repo }
}

describe('bad names', () => {
  for (const name of [
    'Blog',
    '..',
    'a..b',
    'a'.repeat(64),
    '-a',
    'a-',
    '1a',
    'a_b',
    'a/b',
    'berth',
    'api',
    ' ',
    'é',
    'a\nb',
  ])
    it(`apps:create ${JSON.stringify(name.length > 20 ? `${name.slice(0, 5)}… (${name.length})` : name)} is refused`, () =>
      changesNothing(async () => {
        const { code, stderr } = await berth.berth(['apps:create', '--', name])
        expect(code).to.be.oneOf([1, 2])
        expect(stderr).to.match(/app name|reserved|missing required/i)
      }))

  it('a taken name is refused', async () => {
    const name = freshName('taken')
    expect((await berth.berth(['apps:create', name])).code).to.equal(0)
    await changesNothing(async () => {
      const { code, stderr } = await berth.berth(['apps:create', name])
      expect(code).to.equal(1)
      expect(stderr).to.include('is taken')
    })
  })

  it('an unknown app is named, in every command', async () => {
    for (const args of [
      ['ps'],
      ['config'],
      ['logs'],
      ['releases'],
      ['config:set', 'A=b'],
      ['ps:scale', 'web=2'],
      ['rollback'],
    ]) {
      const { code, stderr } = await berth.berth([...args, '-a', 'nowhere-to-be-found'])
      expect(code, args.join(' ')).to.equal(1)
      expect(stderr).to.include('no app named "nowhere-to-be-found"')
    }
  })
})

describe('who may push', () => {
  let name: string
  before(async () => {
    name = (await live('guarded')).name
  })
  for (const [what, auth] of [
    ['no token', []],
    ['a wrong token', ['-u', 'x:berth_wrong']],
  ] as const)
    for (const [method, path] of [
      ['GET', 'info/refs?service=git-receive-pack'],
      ['POST', 'git-receive-pack'],
      ['POST', 'git-upload-pack'],
      ['GET', 'info/refs?service=git-upload-pack'],
    ] as const)
      it(`${method} ${path} with ${what} is 401`, async () => {
        const type = `content-type: application/x-${path}-request`
        const data = method === 'POST' ? ['-X', 'POST', '-H', type, '--data-binary', '0000'] : []
        const { status } = await berth.curl('berth', `/${name}.git/${path}`, ...auth, ...data)
        expect(status).to.equal(401)
      })

  it('git push with a wrong token is refused and changes nothing', async () => {
    const repo = await berth.repository(apps.answering('stolen'))
    const url = `${berth.config.url}/${name}.git`.replace('http://', 'http://x:wrong@')
    await changesNothing(async () => {
      const push = await repo.git('push', '--force', url, 'main')
      expect(push.code).to.equal(128)
      expect(push.stderr).to.match(/Authentication failed|401/)
    })
    expect((await berth.curl(name)).body).to.equal('up')
  })

  it('every API route wants a token', async () => {
    for (const path of ['/api/apps', `/api/apps/${name}/config`, `/api/apps/${name}/releases`])
      expect((await berth.curl('berth', path)).status, path).to.equal(401)
  })
})

describe('what may be pushed', () => {
  it('a tag is refused and named', async () => {
    const { repo } = await live('tagged')
    await repo.git('tag', 'v1')
    const push = await repo.push('v1')
    expect(push.code).to.equal(1)
    expect(push.stderr).to.match(/tag/i).and.to.include('[remote rejected]')
  })

  it('another branch is refused, and says how to deploy it', async () => {
    const { repo } = await live('branched')
    const push = await repo.push('main:feature')
    expect(push.code).to.equal(1)
    expect(push.stderr).to.include('[remote rejected]').and.to.match(/main/)
  })

  it('deleting the deploy branch is refused', async () => {
    const { name, repo } = await live('deleted')
    const push = await repo.push('--delete', 'main')
    expect(push.code).to.equal(1)
    expect((await berth.curl(name)).body).to.equal('up')
  })

  it('a force push of unrelated history deploys', async () => {
    const { name, repo } = await live('forced')
    const other = await berth.repository(apps.answering('rewritten'))
    expect((await repo.push('--force', '--', 'main')).code).to.be.oneOf([0, 1])
    await repo.git('fetch', other.dir, 'main')
    const push = await repo.git('push', '--force', 'berth', 'FETCH_HEAD:refs/heads/main')
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('rewritten')
  })

  it('an empty repository has nothing to push, and an empty tree is told what is missing', async () => {
    const repo = await berth.repository({})
    const name = await createApp(berth, repo, 'empty')
    const push = await repo.push()
    expect(push.code).to.equal(1)
    expect(push.stderr).to.match(/empty|package\.json/i)
    expect((await berth.curl(name)).status).to.equal(503)
  })

  it('a push cut off in the middle of the pack leaves nothing and the server well', async function () {
    this.timeout(120_000)
    const { name, repo } = await live('cutoff')
    const token =
      (await readFile(join(berth.dir, 'credentials/git-credentials'), 'utf8')).split(':')[2]?.split('@')[0] ?? ''
    const head = (await repo.git('rev-parse', 'HEAD')).stdout.trim()
    const command = `${head} ${'1'.repeat(40)} refs/heads/main\x00report-status side-band-64k agent=git/2`
    const body = Buffer.concat([
      Buffer.from(
        `${(command.length + 4).toString(16).padStart(4, '0')}${command}0000PACK\x00\x00\x00\x02\x00\x00\x00\x03`,
      ),
      randomBytes(50_000),
    ])
    for (let i = 0; i < 5; i++)
      await new Promise<void>((resolve, reject) => {
        const socket = connect(berth.config.httpPort, '127.0.0.1', () => {
          socket.write(
            `POST /${name}.git/git-receive-pack HTTP/1.1\r\nHost: ${berth.config.appHost('berth')}\r\n` +
              `Authorization: Basic ${Buffer.from(`x:${decodeURIComponent(token)}`).toString('base64')}\r\n` +
              `Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 5000000\r\n\r\n`,
          )
          socket.write(body, () => {
            socket.resetAndDestroy()
            resolve()
          })
        }).on('error', reject)
      })
    await repo.commit(apps.answering('after'))
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('after')
  })

  it('a repository of 300 MB deploys without the platform holding it in memory', async function () {
    this.timeout(300_000)
    const repo = await berth.repository(apps.answering('heavy'))
    for (let i = 0; i < 6; i++) await writeFile(join(repo.dir, `blob${i}.bin`), randomBytes(50_000_000))
    await repo.commit({ '.dockerignore': '*.bin\n' })
    const name = await createApp(berth, repo, 'heavy')
    const push = await repo.push()
    expect(push.code, push.stderr.slice(-2000)).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('heavy')
    await rm(repo.dir, { recursive: true })
  })

  it('a symlink out of the tree is never followed', async () => {
    const repo = await berth.repository(apps.evaluating("require('fs').readFileSync('link', 'utf8')"))
    await symlink('/etc/hostname', join(repo.dir, 'link'))
    await mkdir(join(repo.dir, 'sub'))
    await symlink('../../../../../../../../etc', join(repo.dir, 'sub/etc'))
    await repo.commit({})
    const name = await createApp(berth, repo, 'links')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    const ours = (await readFile('/etc/hostname', 'utf8')).trim()
    expect((await berth.curl(name)).body.trim()).to.not.equal(ours) // it is the container's own
  })
})

describe('what cannot be built', () => {
  const cases: readonly [string, Record<string, string>, RegExp][] = [
    [
      'a Dockerfile with a syntax error',
      { Dockerfile: 'FROM debian:bookworm-slim\nCOPYY . .\n' },
      /Dockerfile:2:1.*COPYY/,
    ],
    [
      'a RUN that fails',
      { Dockerfile: 'FROM debian:bookworm-slim\nRUN echo before && false\n' },
      /before[\s\S]*(returned a non-zero code: 1|exit)/,
    ],
    ['a Procfile that is not one', { ...apps.answering('x'), Procfile: 'this is not a Procfile\n' }, /Procfile.*1/],
    ['a package.json that is not JSON', { 'package.json': '{ "name": "x",\n  oops }\n' }, /package\.json.*2/],
    ['nothing anyone knows', { 'notes.txt': 'buy milk\n' }, /notes\.txt[\s\S]*package\.json/],
    ['a language of no buildpack', { 'main.cob': '\n' }, /app in COBOL \(main\.cob\)[\s\S]*write a Dockerfile/],
  ]
  for (const [what, files, pattern] of cases)
    it(`${what} rejects the push and says where`, async () => {
      const repo = await berth.repository(files)
      const name = await createApp(berth, repo, 'bad')
      const push = await repo.push()
      expect(push.code).to.equal(1)
      expect(push.stderr).to.match(pattern).and.to.include('[remote rejected]')
      expect((await berth.curl(name)).status).to.equal(503)
    })
})

describe('config vars of every shape', () => {
  it('arrive in the app as they were given', async () => {
    const { name, repo } = await live('config')
    await repo.commit(apps.evaluating('process.env[req.url.slice(1)]'))
    expect((await repo.push()).code).to.equal(0)
    const values: Record<string, string> = {
      EQUALS: 'a=b==c',
      LINES: 'one\ntwo\n',
      QUOTES: `"double" 'single' \`back\` $HOME \\n`,
      SPACES: '  around  ',
      UNICODE: 'naïve ☃',
      EMPTY: '',
      LONG: 'x'.repeat(100_000),
    }
    const args = Object.entries(values).map(([key, value]) => `${key}=${value}`)
    const set = await berth.berth(['config:set', ...args, '-a', name])
    expect(set.code, set.stderr).to.equal(0)
    for (const [key, value] of Object.entries(values)) {
      expect((await berth.curl(name, `/${key}`)).body, key).to.equal(value)
      expect((await berth.berth(['config:get', key, '-a', name])).stdout.replace(/\n$/, ''), key).to.equal(value)
    }
  })

  it('are refused when they are none', async () => {
    const { name } = await live('badconfig')
    await changesNothing(async () => {
      for (const bad of ['novalue', '1A=x', 'A-B=x', '=x', 'PORT=http'])
        expect((await berth.berth(['config:set', bad, '-a', name])).code, bad).to.be.oneOf([1, 2])
    })
  })
})

describe('hostnames and URLs', () => {
  let name: string
  before(async () => {
    name = (await live('hosts')).name
  })
  const raw = (head: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(berth.config.httpPort, '127.0.0.1', () => socket.write(head))
      let said = ''
      socket.setEncoding('utf8').on('data', (text: string) => (said += text))
      socket.on('end', () => resolve(said.split('\r\n')[0] ?? '')).on('error', reject)
      socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')))
    })
  const close = 'Connection: close\r\n\r\n'
  const host = (): string => berth.config.appHost(name)

  it('absent, doubled or rubbish Host headers are 400', async () => {
    expect(await raw(`GET / HTTP/1.1\r\n${close}`)).to.include(' 400 ')
    expect(await raw(`GET / HTTP/1.1\r\nHost: ${host()}\r\nHost: evil\r\n${close}`)).to.include(' 400 ')
    for (const bad of ['a b', 'a/b', '<script>', '%00', 'a'.repeat(300)])
      expect(await raw(`GET / HTTP/1.1\r\nHost: ${bad}\r\n${close}`), bad).to.match(/ 40[04] /)
  })

  it('ports, capitals and a trailing dot do not matter', async () => {
    for (const good of [`${host()}:12345`, host().toUpperCase(), `${host()}.`])
      expect(await raw(`GET / HTTP/1.1\r\nHost: ${good}\r\n${close}`), good).to.include(' 200 ')
  })

  it('an unknown host is 404 in words', async () => {
    const { status, body } = await berth.curl('nobody')
    expect(status).to.equal(404)
    expect(body).to.include('nobody.localhost')
  })

  it('a URL of 10,000 bytes arrives', async () => {
    expect((await berth.curl(name, `/${'u'.repeat(10_000)}`)).status).to.be.oneOf([200, 414])
  })

  it('a client that leaves in mid-download frees the app', async () => {
    const repo = await berth.repository(
      apps.handling(
        "if (req.url === '/open') return res.end(String(global.open || 0)); global.open = (global.open || 0) + 1; res.on('close', () => global.open--); const more = () => { while (res.write(Buffer.alloc(65536))); }; res.on('drain', more); more()",
      ),
    )
    const app = await createApp(berth, repo, 'leaver')
    await repo.git('status')
    // the check GETs /: an endless answer is healthy, its headers say 200
    expect((await repo.push()).code).to.equal(0)
    await run('curl', [
      '-s',
      '-o',
      '/dev/null',
      '--max-time',
      '1',
      `http://${berth.config.appHost(app)}:${String(berth.config.httpPort)}/big`,
    ])
    const deadline = Date.now() + 10_000
    let open = ''
    while (Date.now() < deadline && open !== '0') open = (await berth.curl(app, '/open')).body
    expect(open).to.equal('0')
  })
})
