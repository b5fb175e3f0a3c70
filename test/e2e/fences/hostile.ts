import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { archive } from '../../engine/images/lab.js'
import { base, eventually, type TestEngine } from '../engine/harness.js'

/** Things of the host that a hostile archive is after. */
export interface Outside extends AsyncDisposable {
  /** A directory that holds the file `victim`. */
  readonly path: string
  /** Fails unless all is as it was, the engine keeps nothing half-made and runs containers. */
  untouched(): Promise<void>
}

/** Watches what an archive might reach: a directory of the test's own, files of the host, and what the engine keeps. */
export async function watchOutside(engine: TestEngine): Promise<Outside> {
  const path = await mkdtemp(join(tmpdir(), 'berth-outside-'))
  await writeFile(join(path, 'victim'), 'safe', { mode: 0o640 })
  // its root may be on a file system that only the engine sees
  const root = `/proc/${String(engine.pid())}/root${join(engine.dir, 'root')}`
  const listed = [path, '/', '/etc', '/root', engine.dir, root, join(root, 'images')]
  const held = ['/etc/passwd', '/etc/shadow', '/proc/sys/kernel/core_pattern', path, join(path, 'victim')]
  const seen = (): object => ({
    names: Object.fromEntries(listed.map((directory) => [directory, readdirSync(directory).sort()])),
    files: held.map((file) => {
      const { mode, uid, gid, nlink, size, mtimeMs } = lstatSync(file)
      return [file, mode, uid, gid, nlink, file.startsWith('/proc') ? 0 : mtimeMs, size]
    }),
    victim: readFileSync(join(path, 'victim'), 'utf8'),
  })
  const before = seen()
  return {
    path,
    untouched: async () => {
      expect(seen()).to.deep.equal(before)
      // a context of 100,000 files is still being removed when the build is answered
      const staging = join(root, 'images/staging')
      await eventually(() => Promise.resolve(readdirSync(staging).length === 0), 'an empty staging')
      expect(await engine.must('run', '--rm', base, 'echo', 'works')).to.equal('works')
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** An image configuration over these layers. */
export const configuration = (layers: readonly Buffer[], over: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/x'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      ...over,
    }),
  )

/** An image archive as `docker save` wrote it before OCI. */
export const imageArchive = (name: string, layers: readonly Buffer[], config = configuration(layers)): Buffer =>
  archive([
    { name: 'config.json', content: config.toString() },
    ...layers.map((layer, index) => ({ name: `${String(index)}.tar`, content: layer })),
    {
      name: 'manifest.json',
      content: JSON.stringify([
        { Config: 'config.json', RepoTags: [name], Layers: layers.map((_, index) => `${String(index)}.tar`) },
      ]),
    },
  ])

/** Asks the engine for a sign of life again and again while `work` goes on; answers with the slowest answer, in ms. */
export async function slowestAnswer(engine: TestEngine, work: Promise<unknown>): Promise<number> {
  let over = false
  const done = work.finally(() => (over = true))
  let slowest = 0
  const going = () => !over
  while (going()) {
    const asked = performance.now()
    await ping(engine.socket)
    slowest = Math.max(slowest, performance.now() - asked)
    await sleep(5) // or it is this test that keeps the machine busy
  }
  await done
  return slowest
}

const ping = (socketPath: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/_ping', agent: false }, (answer) => {
      answer.resume().on('end', resolve)
    })
    asked.on('error', reject).end()
  })

/** The most memory the daemon has had, bytes: VmHWM of proc_pid_status(5). */
export const mostMemory = (engine: TestEngine): number =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${String(engine.pid())}/status`, 'utf8'))?.[1]) * 1024
