import { expect } from 'chai'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { must } from '../../run.js'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'

/** What the API answers to a build: its log, or its error. */
export interface Answer {
  readonly status: number
  readonly said: string
}

type Query = Readonly<Record<string, string>>

/** Berth's engine, and a directory of this machine for each test, which is built there as the image `here`. */
export interface DirectoryLab {
  readonly lab: BuilderLab
  /** Goes with all that is in it when the tests are over. */
  readonly own: string
  /** The test's. */
  readonly directory: string
  /** Writes files: path -> text or bytes; `-> x` is a link. */
  readonly put: (files: Readonly<Record<string, string | Buffer>>) => Promise<void>
  /** @param query overrides what is asked: the directory, as `here` */
  readonly build: (query?: Query) => Promise<Answer>
  /** The same, but it must succeed. @returns the log */
  readonly ok: (query?: Query) => Promise<string>
  /** What the directory is on the disk: every name, type, mode, owner, size, time and target. */
  readonly onDisk: () => Promise<string>
}

/** Hooks of the suite that calls it open and close it. */
export function useDirectoryLab(): DirectoryLab {
  let lab: BuilderLab
  let own: string
  let directory: string
  before(async () => {
    lab = await openBuilderLab()
    own = await mkdtemp(join(tmpdir(), 'berth-directory-'))
  })
  after(async () => {
    await lab[Symbol.asyncDispose]()
    await rm(own, { recursive: true })
  })
  beforeEach(async () => (directory = await mkdtemp(join(own, 'context-'))))
  afterEach(() => lab.docker('rmi', '-f', 'here'))
  const build = (query: Query = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const path = `/build?${new URLSearchParams({ directory, t: 'here', ...query }).toString()}`
      const post = request({ socketPath: lab.socket, path, method: 'POST' }, (response) => {
        text(response).then((said) => resolve({ status: response.statusCode ?? 0, said }), reject)
      })
      post.on('error', reject).end()
    })
  return {
    get lab() {
      return lab
    },
    get own() {
      return own
    },
    get directory() {
      return directory
    },
    put: async (files) => {
      for (const [path, content] of Object.entries(files)) {
        const place = join(directory, path)
        await mkdir(dirname(place), { recursive: true })
        if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), place)
        else await writeFile(place, content)
      }
    },
    build,
    ok: async (query) => {
      const { status, said } = await build(query)
      expect(said).to.include('Successfully tagged')
      expect(status).to.equal(200)
      return said
    },
    onDisk: async () => {
      const said = await must('find', [directory, '-printf', '%P %y %m %U:%G %s %T@ %C@ %l\\n'])
      return said.split('\n').sort().join('\n')
    },
  }
}
