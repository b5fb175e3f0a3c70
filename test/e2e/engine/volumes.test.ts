import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'

describe('volumes, by the docker command', () => {
  let lab: BuilderLab
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await lab.docker(args)
    expect(code, `docker ${args.join(' ')}: ${stderr}`).to.equal(0)
    return stdout.trim()
  }
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await lab.docker(args)
    expect(code, `docker ${args.join(' ')}`).to.equal(1)
    return stderr
  }

  before(async () => {
    lab = await openBuilderLab()
    await lab.build({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\nVOLUME /anonymous\nCMD ["/none"]\n' }, '-t', 'hull')
  })
  after(() => lab[Symbol.asyncDispose]())

  it('are made, shown, listed and removed', async () => {
    expect(await docker('volume', 'create', 'v1')).to.equal('v1')
    expect(await docker('volume', 'create', 'v1')).to.equal('v1')
    expect(await docker('volume', 'create', '--label', 'kind=db', 'v2')).to.equal('v2')
    const [shown] = JSON.parse(await docker('volume', 'inspect', 'v2')) as [Record<string, unknown>]
    expect(shown).to.deep.include({
      Name: 'v2',
      Driver: 'local',
      Labels: { kind: 'db' },
      Options: null,
      Scope: 'local',
    })
    expect(shown.Mountpoint).to.equal(join(lab.root, 'volumes/v2/_data'))
    expect(shown.CreatedAt).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect((await docker('volume', 'ls', '-q')).split('\n')).to.have.members(['v1', 'v2'])
    expect(await docker('volume', 'ls', '-q', '-f', 'label=kind=db')).to.equal('v2')
    expect(await docker('volume', 'ls', '-q', '-f', 'name=1$')).to.equal('v1')
    expect(await docker('volume', 'rm', 'v1', 'v2')).to.equal('v1\nv2')
    expect(await docker('volume', 'ls', '-q')).to.equal('')
  })

  it('refuse what dockerd refuses', async () => {
    expect(await refused('volume', 'rm', 'nosuch')).to.include('get nosuch: no such volume')
    expect(await refused('volume', 'inspect', 'nosuch')).to.include('get nosuch: no such volume')
    expect(await refused('volume', 'create', '../../etc')).to.include('includes invalid characters')
    expect(await refused('volume', 'create', '-d', 'nfs', 'x')).to.include('plugin "nfs" not found')
    expect(await refused('volume', 'create', '-o', 'device=/', 'x')).to.include('is not supported')
    expect(await refused('volume', 'ls', '-f', 'colour=red')).to.include("invalid filter 'colour'")
    await docker('volume', 'rm', '-f', 'nosuch')
  })

  it('stay while a container has them; what it does not name is anonymous', async () => {
    const id = await docker('create', '-v', 'data:/data', 'hull')
    const all = (await docker('volume', 'ls', '-q')).split('\n')
    expect(all).to.have.lengthOf(2)
    const anonymous = all.find((name) => name !== 'data') ?? ''
    expect(anonymous).to.match(/^[0-9a-f]{64}$/)
    expect(await refused('volume', 'rm', 'data')).to.include(`remove data: volume is in use - [${id}]`)
    expect((await docker('volume', 'ls', '-q', '-f', 'dangling=false')).split('\n')).to.have.members(all)
    await writeFile(join(lab.root, 'volumes/data/_data/big'), Buffer.alloc(1 << 20, 1))
    expect(await docker('system', 'df', '-v')).to.match(/^data +1 +1\.049MB/m)
    expect(await docker('volume', 'prune', '-f')).to.include('Total reclaimed space: 0B')

    await lab.restart()
    expect(await refused('volume', 'rm', 'data')).to.include('volume is in use')
    expect((await readFile(join(lab.root, 'volumes/data/_data/big'))).length).to.equal(1 << 20)

    await docker('rm', '-v', id)
    expect(await docker('volume', 'ls', '-q'), 'rm -v takes the anonymous one').to.equal('data')
    expect(await docker('volume', 'prune', '-f'), 'named ones are spared').to.not.include('data')
    expect(await docker('volume', 'prune', '-af')).to.match(/data[^]*1\.049MB/)
    expect(existsSync(join(lab.root, 'volumes/data'))).to.equal(false)
  })
})
