import { expect } from 'chai'
import { request } from 'node:http'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import type { Outcome } from '../../run.js'
import { at, openBuilderLab, type BuilderLab } from './builder-lab.js'
import { eventually, oracle } from './harness.js'

const base = 'FROM debian:bookworm-slim\n'

describe('a build of something wrong', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())

  /** Steps under way: Berth's have a layer being made, dockerd's run in a container. */
  const leftovers = async (): Promise<string[]> =>
    oracle
      ? (await lab.must('ps', '-q')).split('\n').filter(Boolean)
      : readdir(join(lab.dir, 'root', 'images', 'staging'))
  const fails = async (dockerfile: string, ...args: string[]): Promise<Outcome> => {
    const before = await lab.docker('images', '-aq')
    const outcome = await lab.build({ Dockerfile: dockerfile }, '-t', 'wrong', ...args)
    expect(outcome.code, outcome.stdout).to.be.greaterThan(0)
    expect((await lab.docker('images', '-aq')).stdout).to.equal(before.stdout)
    expect(await leftovers()).to.deep.equal([])
    return outcome
  }

  it('tells the command and code of a failing RUN, and ends with it', async () => {
    const { stderr, stdout } = await fails(`${base}RUN echo almost && exit 7\n`)
    expect(stdout).to.include('almost')
    expect(stderr).to.include("The command '/bin/sh -c echo almost && exit 7' returned a non-zero code: 7")
  })

  it('points at a syntax error', async () => {
    const { stderr } = await fails(`${base}\nRUM x\n`)
    expect(stderr).to.include(`${at('3:1')}unknown instruction: RUM`)
    if (!oracle) expect(stderr).to.include('(did you mean RUN?)')
  })

  it('points at what is wrong in a step', async () => {
    const missing = (await fails(`${base}COPY a  none* /x/\n`)).stderr
    expect(missing)
      .to.include(`${at('2:6')}COPY failed: `)
      .and.match(/\ba"?: file does not exist/)
    const unset = (await fails(`${base}ENV a=\${b?nob}\n`)).stderr
    expect(unset).to.include('b: nob').and.include(at('2:7'))
    expect((await fails(`${base}COPY --chown=none Dockerfile /\n`)).stderr).to.match(/user:? none/)
    const { stderr } = await fails('FROM scratch\nRUN x\n')
    if (!oracle) expect(stderr).to.include('Dockerfile:2:1: RUN has no root file system')
  })

  it('refuses a mode that is none', async function () {
    if (oracle) this.skip() // its classic builder has no COPY --chmod
    expect((await fails(`${base}COPY --chmod=9 Dockerfile /\n`)).stderr).to.include('Dockerfile:2:6: invalid chmod')
  })

  it('says of an image that it cannot be had', async () => {
    const unreachable = /Get "https:.*dial tcp|pull access denied/
    expect((await fails('FROM nobody/nothing:1\n')).stderr)
      .to.include(at('1:6'))
      .and.match(unreachable)
    expect((await lab.docker('pull', 'nobody/nothing')).stderr).to.match(unreachable)
  })

  it('does not deadlock on stages that name each other', async () => {
    const unreachable = /Get "https:.*dial tcp|pull access denied/
    expect((await fails('FROM why AS zed\nFROM zed AS why\n')).stderr).to.match(unreachable)
    expect((await fails(`${base.trim()} AS zed\nCOPY --from=zed /x /\n`)).stderr).to.match(unreachable)
  })

  it('names a target that is not there', async () => {
    const { stderr } = await fails(`${base.trim()} AS one\n`, '--target', 'onee')
    expect(stderr).to.include('onee')
    if (!oracle) expect(stderr).to.include('did you mean one?')
  })

  it('ends when the client leaves', async () => {
    const body = archive([{ name: 'Dockerfile', content: `${base}RUN sleep 300\n` }])
    const post = request({ socketPath: lab.socket, path: '/build?t=wrong', method: 'POST' })
    post.on('error', () => undefined)
    post.end(body)
    await new Promise<void>((resolve) =>
      post.once('response', (response) => {
        response.on('error', () => undefined)
        response.on('data', (chunk: Buffer) => {
          if (chunk.includes('Running in')) resolve()
        })
      }),
    )
    post.destroy()
    await eventually(async () => (await leftovers()).length === 0, 'the end of the step')
    expect((await lab.docker('images', '-q', 'wrong')).stdout).to.equal('')
  })

  it('takes no archive that leads out', async function () {
    if (oracle) this.skip() // such an entry is put within the context
    const input = archive([{ name: '../evil', content: 'x' }])
    const { stderr, code } = await lab.with({ input }, 'build', '-')
    expect(code).to.equal(1)
    expect(stderr).to.include('points out of the archive')
    expect(await leftovers()).to.deep.equal([])
  })
})
