import { expect } from 'chai'
import { closeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { openNull, pipeFrom, pipeTo, spawnProgram } from '../../../src/engine/kernel/spawn.js'

describe('a program started by posix_spawn', () => {
  const sh = async (script: string, input = ''): Promise<{ code: number; stdout: string; pid: number }> => {
    const [stdin, stdout, nothing] = [pipeTo(), pipeFrom(), openNull()]
    const descriptors = [stdin.end, stdout.end, nothing]
    const { pid, exited } = spawnProgram('/bin/sh', ['-c', script], { descriptors, env: { A: 'a b', PATH: '/bin' } })
    for (const fd of descriptors) closeSync(fd)
    stdin.stream.on('error', () => undefined).end(input)
    const [code, said] = await Promise.all([exited, text(stdout.stream)])
    return { code, stdout: said, pid }
  }

  it('is told as its exit status, or 128 and the signal that ended it', async () => {
    expect(await sh('exit 7')).to.include({ code: 7 })
    expect(await sh('kill -TERM $$')).to.include({ code: 143 })
  })

  it('has the streams and variables it is given, and no more', async () => {
    expect(await sh('cat; echo "$A"', 'typed\n')).to.include({ stdout: 'typed\na b\n' })
    const own = openNull()
    const seen = (await sh('ls /proc/self/fd')).stdout.split('\n')
    closeSync(own)
    expect(seen).to.include.members(['0', '1', '2']).and.not.include(String(own))
    expect((await sh('env')).stdout.split('\n').map((line) => line.split('=')[0])).to.have.members([
      ...['A', 'PATH', 'PWD', ''],
    ])
  })

  it('leads a session in /, with no signal ignored or blocked', async () => {
    const { stdout, pid } = await sh(
      // in the shell's own place: it blocks signals for as long as it starts another program
      'pwd; cut -d" " -f5,6 /proc/$$/stat; exec grep -E "Sig(Blk|Ign)" /proc/self/status',
    )
    const [dir, session, blocked = '', ignored = ''] = stdout.split('\n')
    expect([dir, session, blocked]).to.deep.equal(['/', `${pid} ${pid}`, `SigBlk:\t${'0'.repeat(16)}`])
    const known = 0x7fffffffn // 32 and 33 are glibc's own, which it has ignored from its start to the program's
    expect(BigInt(`0x${ignored.split('\t')[1] ?? ''}`) & known).to.equal(0n)
  })

  it('is reaped among many that end together', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => sh(`exit ${n}`)))
    expect(all.map(({ code }) => code)).to.deep.equal(Array.from({ length: 40 }, (_, n) => n))
  })

  it('that is not there is an error', () => {
    const nothing = openNull()
    try {
      const start = () => spawnProgram('/nosuch', [], { descriptors: [nothing], env: {} })
      expect(start).to.throw('posix_spawn /nosuch: ENOENT')
    } finally {
      closeSync(nothing)
    }
  })
})
