import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  adoptObjects,
  checkQuarantine,
  forgetPush,
  isUnderWay,
  listPushes,
  pushIdOf,
  readMoves,
  readPush,
  recordPush,
  writeMoves,
  type Push,
} from '../../src/git/pushes.js'
import { failure } from './bare.js'

describe('a push that became a deploy', () => {
  let repository: string
  beforeEach(async () => {
    repository = await mkdtemp(join(tmpdir(), 'berth-pushes-'))
    await mkdir(join(repository, 'objects'))
  })
  afterEach(() => rm(repository, { recursive: true, force: true }))

  const command = { ref: 'refs/heads/main', old: '0'.repeat(40), new: '1'.repeat(40) }
  const push = (id: string): Push => ({ id, operation: `operation of ${id}`, command, unless: [], refused: [] })
  /** An object directory such as receive-pack's. */
  const quarantine = async (files: Readonly<Record<string, string>>) => {
    const dir = await mkdtemp(join(repository, 'objects', 'incoming-'))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(dir, path, '..'), { recursive: true })
      await writeFile(join(dir, path), text)
    }
    return dir
  }

  it('keeps its objects when git throws them away, and brings them in', async () => {
    const from = await quarantine({ 'pack/a.pack': 'pack', 'pack/a.idx': 'idx', 'pack/a.keep': '', '00/11': 'loose' })
    await recordPush(repository, push('7-1'), from)
    const kept = await stat(join(from, 'pack/a.pack'))
    await rm(from, { recursive: true })
    for (let turn = 0; turn < 2; turn += 1) await adoptObjects(repository, '7-1')
    const there = (path: string) => join(repository, 'objects', path)
    expect(readFileSync(there('00/11'), 'utf8')).to.equal('loose')
    expect((await stat(there('pack/a.pack'))).ino).to.equal(kept.ino)
    expect([existsSync(there('pack/a.idx')), existsSync(there('pack/a.keep'))]).to.deep.equal([true, false])
  })

  it('is read as it was written, until it is forgotten', async () => {
    expect(await listPushes(join(repository, 'none'))).to.deep.equal([])
    for (const id of ['7-1', '8-2']) await recordPush(repository, push(id), await quarantine({}))
    expect(await readPush(repository, '7-1')).to.deep.equal(push('7-1'))
    expect((await listPushes(repository)).map(({ id }) => id).sort()).to.deep.equal(['7-1', '8-2'])
    await forgetPush(repository, '7-1')
    await forgetPush(repository, '7-1')
    expect([await readPush(repository, '7-1'), (await listPushes(repository)).length]).to.deep.equal([null, 1])
  })

  it('that an older Berth has recorded is read by the word it had for an operation', async () => {
    const { operation, ...rest } = push('8-1')
    await mkdir(join(repository, 'berth/8-1'), { recursive: true })
    await writeFile(join(repository, 'berth/8-1/push.json'), JSON.stringify({ ...rest, deploy: operation }))
    expect(await readPush(repository, '8-1')).to.deep.equal(push('8-1'))
    await forgetPush(repository, '8-1')
  })

  it('takes the place of one with its name from before a reboot, whole', async () => {
    await recordPush(repository, push('7-1'), await quarantine({ '00/11': 'old' }))
    await recordPush(repository, { ...push('7-1'), operation: 'new' }, await quarantine({ '22/33': 'new' }))
    await adoptObjects(repository, '7-1')
    expect((await readPush(repository, '7-1'))?.operation).to.equal('new')
    expect([
      existsSync(join(repository, 'objects/00/11')),
      existsSync(join(repository, 'objects/22/33')),
    ]).to.deep.equal([false, true])
  })

  it('is none while its record is not written', async () => {
    await mkdir(join(repository, 'berth', '7-1', 'objects'), { recursive: true })
    await writeFile(join(repository, 'berth', '7-1', 'push.json.new'), '{')
    expect(await listPushes(repository)).to.deep.equal([])
  })

  for (const id of ['', '7', '7-', '-1', '7-1/..', '../../etc', '7-1\n', `${'1'.repeat(11)}-1`])
    it(`is not named ${JSON.stringify(id)}`, async () => {
      expect(await failure(readPush(repository, id))).to.include({ fault: 'invalid' })
      expect(await failure(recordPush(repository, push(id), repository))).to.include({ fault: 'invalid' })
      // what forgets answers before it can fail
      expect(() => forgetPush(repository, id)).to.throw('not a push')
    })

  it('has its objects within the repository, wherever its hook says', () => {
    const inside = join(repository, 'objects', 'incoming-x')
    expect(checkQuarantine(repository, inside)).to.equal(inside)
    expect(checkQuarantine(repository, './objects/incoming-x')).to.equal(inside)
    for (const path of [
      '',
      '.',
      'objects',
      'objects/..',
      'objects/../../b.git/objects/x',
      '/etc',
      `${repository}/objectsx/y`,
    ])
      expect(() => checkQuarantine(repository, path), path).to.throw('not a push to this app')
  })

  it('is remembered where each ref landed', async () => {
    expect(await readMoves(repository)).to.deep.equal({})
    await mkdir(join(repository, 'berth'))
    const landed = { 'refs/heads/main': { release: 3, commit: '1'.repeat(40) } }
    await writeMoves(repository, landed)
    expect(await readMoves(repository)).to.deep.equal(landed)
  })
})

describe('the name of a push', () => {
  it('is that of a process while it lives, whatever that is called', async () => {
    const child = spawn('sh', ['-c', 'printf "a) R 1 (b" >/proc/$$/comm; echo; read -r line'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    const id = (await pushIdOf(child.pid ?? 0)) ?? ''
    expect(id).to.match(new RegExp(`^${String(child.pid)}-\\d+$`))
    expect([await isUnderWay(id), await isUnderWay(`${id}0`)]).to.deep.equal([true, false])
    const gone = once(child, 'exit')
    child.stdin.end()
    await gone
    expect([await isUnderWay(id), await pushIdOf(child.pid ?? 0)]).to.deep.equal([false, null])
  })
})
