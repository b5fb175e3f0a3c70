import { chown, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { BackupSettingsView, BackupView } from '../../src/api/contract.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { runIn } from '../../src/services/command.js'
import { serverOf } from '../../src/services/server.js'
import { openStore } from '../../src/store/store.js'
import { sshServer, type SshServer } from '../git/ssh-server.js'
import { must, type RunOptions } from '../run.js'
import { freshName, instance, type Instance } from '../e2e/instance.js'
import { s3Server, type S3Server } from '../e2e/services/swift.js'

describe('a repository of backups elsewhere', function () {
  this.timeout(660_000)
  let berth: Instance
  let dir = ''
  let s3: S3Server
  let sshd: SshServer
  const db = freshName('cache')

  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse((await berth.succeed(...args, '--json')).stdout) as T
  const place = async () => (await json<BackupSettingsView>('backups:schedule')).target.place
  const keys = (secret: string): RunOptions => ({
    env: { ...berth.env, AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: secret },
  })
  const target = async (args: readonly string[], options?: RunOptions) =>
    berth.berth(['backups:target', ...args], { timeoutMs: 120_000, ...options })
  const refused = async (args: readonly string[], options?: RunOptions): Promise<string> => {
    const before = await place()
    const { code, stderr } = await target(args, options)
    expect(code, stderr).not.to.equal(0)
    expect(await place()).to.equal(before)
    return stderr
  }
  const redis = async (service: string, ...words: string[]): Promise<string> => {
    await using store = await openStore(berth.config)
    const engine = connectEngine(berth.config)
    const server = await serverOf({ engine, config: berth.config }, await store.services.get(service))
    const command = { words: ['/usr/local/bin/berth-admin', '-e', ...words] }
    return (await runIn(engine, server?.Id ?? '', command, 'client')).trim()
  }
  /** A directory that Berth may write to. */
  const own = async (path: string): Promise<string> => {
    await mkdir(path, { recursive: true })
    const { uid, gid } = await stat(join(berth.config.root, 'backups'))
    await chown(path, uid, gid)
    return path
  }
  const restores = async (value: string): Promise<BackupView> => {
    await redis(db, 'SET', 'where', value)
    const made = await json<BackupView>('backups:create', db)
    const to = freshName('back')
    await berth.succeed('backups:restore', made.id, '--to', to)
    expect(await redis(to, 'GET', 'where')).to.equal(value)
    await berth.succeed('services:destroy', to, '--confirm', to)
    return made
  }

  before(async () => {
    berth = await instance()
    s3 = await s3Server()
    sshd = await sshServer()
    dir = await mkdtemp(join(tmpdir(), 'berth-targets-'))
    await must('chmod', ['755', dir])
    const made = await berth.berth(['services:create', 'redis', db], { timeoutMs: 600_000 })
    expect(made, made.stderr).to.include({ code: 0 })
  })
  after(async () => {
    await Promise.all([s3[Symbol.asyncDispose](), sshd[Symbol.asyncDispose]()])
    await rm(dir, { recursive: true, force: true })
  })

  it('may be an S3, which is to be there, to let Berth in, and to answer', async () => {
    const local = await restores('here')
    const bucket = `${s3.url}/bucket/berth`
    expect(await refused([bucket, '--ca', s3.ca], keys('wrong'))).to.match(/let Berth in|signature/)
    expect(await refused([bucket], keys(s3.secretKey))).to.contain('certificate')
    expect(await refused([s3.url, '--ca', s3.ca], keys(s3.secretKey))).to.contain('no bucket')
    const hanging = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(hanging, 'listening')
    const { port } = hanging.address() as { port: number }
    expect(await refused([`http://127.0.0.1:${port}/bucket`], keys(s3.secretKey))).to.contain('does not get on')
    hanging.close()
    expect(await refused([`http://127.0.0.1:${port}/bucket`], keys(s3.secretKey))).to.contain('refused')
    const { code, stderr } = await target([bucket, '--ca', s3.ca], keys(s3.secretKey))
    expect(code, stderr).to.equal(0)
    expect(await place()).to.equal(bucket)
    await restores('in a bucket')
    expect((await berth.berth(['backups:restore', local.id, '--to', 'x'])).stderr).to.contain('another repository')
  })

  it('that has lost a part restores nothing', async () => {
    await redis(db, 'SET', 'noise', 'x'.repeat(1000))
    const made = await json<BackupView>('backups:create', db)
    for (const path of await readdir(s3.objects, { recursive: true }))
      if (path.endsWith('.data') && (await stat(join(s3.objects, path))).mtimeMs >= Date.parse(made.at))
        await rm(join(s3.objects, path))
    const { code, stderr } = await berth.berth(['backups:restore', made.id, '--confirm', db], { timeoutMs: 180_000 })
    expect(code, stderr).not.to.equal(0)
    expect(await redis(db, 'STRLEN', 'noise')).to.equal('1000')
    expect(await json<{ name: string }[]>('services')).to.have.length(1)
  })

  it('may be an SFTP server, whose key is known', async () => {
    const { publicKey } = await json<BackupSettingsView>('backups:schedule')
    const url = `${sshd.url.replace('ssh:', 'sftp:')}${dir}/sftp`
    const key = sshd.hostKey.split(' ').slice(0, 2).join(' ')
    expect(await refused([url])).to.contain('key is missing')
    const unknown = await refused([url, '--host-key', key])
    expect(unknown, unknown).to.contain('let Berth in')
    await sshd.allow(publicKey)
    const other = publicKey.split(' ').slice(0, 2).join(' ')
    const another = await refused([url, '--host-key', other])
    expect(another, another).to.contain('let Berth in')
    const { code, stderr } = await target([url, '--host-key', key])
    expect(code, stderr).to.equal(0)
    await restores('by SFTP')
  })

  it('that another Berth has made needs its key, and what is in it is listed then', async () => {
    const first = (await berth.succeed('backups:key')).stdout.trim()
    const theirs = await own(join(dir, 'theirs'))
    const [keyFile, mine] = [join(dir, 'key'), join(dir, 'mine')]
    await writeFile(keyFile, 'a key that is of another Berth'.replaceAll(' ', '-'))
    await writeFile(mine, first)
    const { uid, gid } = await stat(theirs)
    await must('restic', ['init', '--repo', theirs, '--password-file', keyFile])
    await must('chown', ['-R', `${uid}:${gid}`, theirs])
    expect(await refused([theirs])).to.contain('another key')
    expect(await refused([theirs, '--key-file', mine])).to.contain('another key')
    const { code, stderr } = await target([theirs, '--key-file', keyFile])
    expect(code, stderr).to.equal(0)
    const made = await restores('by another key')
    // the record of it is lost, as on another server, and its repository is set again
    await using store = await openStore(berth.config)
    await store.backups.remove([made.id])
    await berth.succeed('backups:target', theirs)
    const found = await json<BackupView>('backups:info', made.id)
    expect(found).to.include({ sha256: made.sha256, bytes: made.bytes, within: true })
    await berth.succeed('backups:restore', made.id, '--to', 'found')
    expect(await redis('found', 'GET', 'where')).to.equal('by another key')
    await berth.succeed('services:destroy', 'found', '--confirm', 'found')
    expect((await readFile(join(berth.config.root, 'backups/key'), 'utf8')).trim()).not.to.equal(first)
  })

  it('that is gone, or another, is not made anew', async () => {
    const path = await own(join(dir, 'disk'))
    await berth.succeed('backups:target', path)
    await restores('on a disk')
    await rm(path, { recursive: true })
    await own(path)
    const { code, stderr } = await berth.berth(['backups:create', db])
    expect(code).not.to.equal(0)
    expect(stderr).to.contain('the repository is gone')
    expect(await readdir(path)).to.deep.equal([])
    const { stdout } = await berth.succeed('backups')
    expect(stdout).to.contain('failed: the repository is gone')
    expect((await berth.berth(['doctor'])).stdout).to.contain('the repository is gone')
  })
})
