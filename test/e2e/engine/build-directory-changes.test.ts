import { expect } from 'chai'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import { type Swap, swapping } from '../../engine/images/swaps.js'
import { must, run } from '../../run.js'
import { useDirectoryLab } from './directory-lab.js'
import { oracle } from './harness.js'

const base = 'FROM debian:bookworm-slim\n'
const torn = 'changed while the image was built'

describe('a build of a directory that changes meanwhile', function () {
  if (process.getuid?.() !== 0 || oracle) return
  const at = useDirectoryLab()
  const { put, build, ok } = at

  /** Answers a step that waits, once `then` is done: bash's own socket needs no program in the image. */
  const door = async (then: () => Promise<unknown>) => {
    const server = createServer((socket) => void then().finally(() => socket.end('go\n')))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const step = `RUN ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${String(port)} && read -u 3 said && test $said = go"]\n`
    return {
      step,
      [Symbol.asyncDispose]: async () => {
        await once(server.close(), 'close')
      },
    }
  }

  const changes: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    'written to': (path) => writeFile(path, 'two, and longer'),
    'written to, to the same length': (path) => writeFile(path, 'two'),
    replaced: (path) => writeFile(`${path}.draft`, 'two').then(() => renameSync(`${path}.draft`, path)),
    'made a link to elsewhere': (path) => rm(path).then(() => symlink('/etc/passwd', path)),
    'made a fifo': (path) => rm(path).then(() => must('mkfifo', [path])),
    removed: (path) => rm(path),
    'given to another': (path) => chown(path, 5, 5),
  }
  for (const [what, change] of Object.entries(changes))
    it(`fails when a file is ${what} while it lasts, and tags nothing`, async () => {
      await using waits = await door(() => change(join(at.directory, 'd/f')))
      await put({ Dockerfile: `${base}${waits.step}COPY . /app\n`, 'd/f': 'one' })
      const { said } = await build({ networkmode: 'host' })
      expect(said).to.include(torn).and.to.not.include('Successfully')
      expect((await at.lab.docker('images', '-q', 'here')).stdout).to.equal('')
      await put({ Dockerfile: `${base}COPY Dockerfile /app\n` })
      await ok()
    })

  it('fails when an archive, or what a mount shows, changes while it lasts', async () => {
    const ways = [
      'ADD a.tar /t/',
      'RUN --mount=type=bind,target=/m true',
      'RUN --mount=type=bind,source=a.tar,target=/m true',
    ]
    for (const way of ways) {
      await using waits = await door(() => put({ 'a.tar': archive([{ name: 'f', content: 'two' }]) }))
      await put({ Dockerfile: `${base}${waits.step}${way}\n`, 'a.tar': archive([{ name: 'f', content: 'one' }]) })
      const { said } = await build({ networkmode: 'host' })
      expect(said, way).to.include(torn).and.to.not.include('Successfully')
    }
  })

  it('takes no notice of what comes, or changes of what it does not take, while it lasts', async () => {
    await using waits = await door(() => put({ 'd/new': 'new', other: 'two' }))
    await put({ Dockerfile: `${base}${waits.step}COPY d /d\n`, 'd/f': 'f', other: 'one' })
    await ok({ networkmode: 'host' })
    expect(await at.lab.read('here', '/d/f')).to.equal('f')
    expect(await at.lab.read('here', '/d/new')).to.equal(undefined)
  })

  it('never has what links lead to that come and go', async function () {
    this.timeout(180_000)
    const secret = 'a secret of the host'
    const secrets = await mkdtemp(join(at.own, 'secrets-'))
    await writeFile(join(secrets, 'f'), secret)
    await writeFile(join(secrets, 'a.tar'), archive([{ name: 'f', content: secret }]))
    await put({
      Dockerfile: `${base}COPY . /app\nADD a.tar /t/\nRUN --mount=type=bind,target=/m cp -a /m /seen\n`,
      f: 'open',
      'd/f': 'open',
      'a.tar': archive([{ name: 'f', content: 'open' }]),
    })
    const swap = async (name: string, target: string): Promise<Swap> => {
      const aside = await mkdtemp(join(at.own, 'aside-'))
      return { place: join(at.directory, name), target, aside, pauseMs: 400 }
    }
    const all = [
      await swap('f', join(secrets, 'f')),
      await swap('d', secrets),
      await swap('a.tar', join(secrets, 'a.tar')),
    ]
    let built = 0
    for (const some of [all, ...all.map((one) => [{ ...one, pauseMs: 2000 }])]) {
      await using swaps = await swapping(...some)
      for (let n = 0; n < (some.length > 1 ? 15 : 6); n++) {
        const { said } = await build({ nocache: '1' })
        if (!said.includes('Successfully tagged')) {
          expect(said).to.match(/changed while the image was built|\\"a\.tar\\": file does not exist/)
          continue
        }
        built++
        const link = `-> ${join(secrets, 'f')}`
        for (const place of ['/app', '/seen']) {
          expect(await at.lab.read('here', `${place}/f`)).to.be.oneOf(['open', link])
          expect(await at.lab.read('here', `${place}/d/f`)).to.be.oneOf(['open', undefined])
        }
        expect(await at.lab.read('here', '/t/f')).to.equal('open')
      }
      expect(swaps.go()).to.equal(true)
    }
    expect(built, 'builds that nothing came between').to.be.greaterThan(0)
    expect((await run('grep', ['-rlaF', secret, join(at.lab.dir, 'root')])).stdout).to.equal('')
    expect(await readFile(join(secrets, 'f'), 'utf8')).to.equal(secret)
    await ok()
    expect(await at.lab.read('here', '/app/d/f')).to.equal('open')
  })
})
