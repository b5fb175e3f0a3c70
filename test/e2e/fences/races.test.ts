import { expect } from 'chai'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import { base, openEngine, type TestEngine } from '../engine/harness.js'

const rounds = 15

describe('a path that changes while it is followed', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(120_000)
  let engine: TestEngine
  let host: string
  before(async () => {
    engine = await openEngine()
    host = mkdtempSync(join(tmpdir(), 'berth-race-'))
    writeFileSync(join(host, 'file'), 'of the host')
  })
  after(() => engine[Symbol.asyncDispose]())
  after(() => rmSync(host, { recursive: true, force: true }))

  /** `/d` is now a directory, now nothing, now a link to a directory that the host has, and the container a decoy of. */
  const swap = `mkdir -p "$1" /real; echo decoy > "$1/file"; echo inside > /real/file; exec perl -e '
    while (1) { rename "/real", "/d"; rename "/d", "/real"; symlink $ARGV[0], "/d"; unlink "/d" }' "$1"`

  it('leads cp neither to a file of the host nor into a directory of it', async () => {
    await engine.must('run', '-d', '--cpus', '0.5', '--name', 'swaps', base, 'sh', '-c', swap, 'sh', host)
    const planted = archive([{ name: 'planted', content: 'x' }])
    const seen = { inside: 0, decoy: 0, nothing: 0, put: 0, refused: 0 }
    for (let round = 0; round < rounds; round++) {
      const [out, into] = await Promise.all([
        engine.with({}, 'cp', '-L', 'swaps:/d/file', '-'),
        engine.with({ input: planted }, 'cp', '-', 'swaps:/d'),
      ])
      expect(out.stdout).not.to.include('of the host')
      if (out.code !== 0) seen.nothing++
      else seen[out.stdout.includes('decoy') ? 'decoy' : 'inside']++
      seen[into.code === 0 ? 'put' : 'refused']++
    }
    await engine.must('rm', '-f', 'swaps')
    expect(readdirSync(host)).to.deep.equal(['file'])
    expect(readFileSync(join(host, 'file'), 'utf8')).to.equal('of the host')
    // else nothing was raced
    expect(seen.inside + seen.decoy, JSON.stringify(seen)).to.be.greaterThan(0)
    expect(seen.put, JSON.stringify(seen)).to.be.greaterThan(0)
  })
})
