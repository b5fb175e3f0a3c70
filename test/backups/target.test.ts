import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkTarget, resticPlaceOf, targetInWords } from '../../src/backups/target.js'
import type { BackupTarget } from '../../src/store/backups.js'

const s3 = (url: string): BackupTarget => ({
  type: 's3',
  url,
  accessKey: 'a',
  secretKey: 'hush',
  region: null,
  ca: null,
})
const sftp = (url: string): BackupTarget => ({ type: 'sftp', url, hostKey: 'ssh-ed25519 AAAA' })
const directory = (path: string): BackupTarget => ({ type: 'directory', path })

describe('a target of backups', () => {
  it('is a place that backups can be at', () => {
    for (const good of [
      s3('https://s3.example.com/bucket'),
      s3('http://127.0.0.1:9000/bucket/a/b'),
      sftp('sftp://me@nas/backups'),
      sftp('sftp://me@[::1]:2222/x'),
      directory('/mnt/backups'),
      { type: 'local' } as const,
    ])
      checkTarget(good)
    for (const bad of [
      ...[
        'https://s3.example.com',
        'https://s3.example.com/',
        'https://a:b@s3/x',
        'ftp://x/y',
        'x',
        'https://s3/b?x=1',
      ].map(s3),
      ...[
        'sftp://nas/x',
        'sftp://me@nas',
        'sftp://me:pw@nas/x',
        'sftp://-oProxyCommand=x@nas/x',
        'sftp://me@na"s/x',
        'sftp://me@nas/a b',
      ].map(sftp),
      ...['mnt', '/mnt/../etc', ''].map(directory),
    ])
      expect(() => checkTarget(bad), JSON.stringify(bad)).to.throw(/no place|no bucket|no directory/)
  })

  it('tells restic of it without a secret in a word, and is shown without one', async () => {
    const root = await mkdtemp(join(tmpdir(), 'berth-target-'))
    try {
      const bucket = s3('https://s3.example.com/bucket')
      const place = await resticPlaceOf({ root, name: 'test' }, bucket)
      expect(place.options).to.deep.equal([])
      expect(place.env).to.include({
        RESTIC_REPOSITORY: 's3:https://s3.example.com/bucket',
        AWS_SECRET_ACCESS_KEY: 'hush',
      })
      expect(targetInWords(bucket)).not.to.contain('hush')
      const { options } = await resticPlaceOf({ root, name: 'test' }, sftp('sftp://me@nas:2222/a%20b'))
      expect(options[1])
        .to.match(/^"sftp\.command=ssh -F none -p 2222 /)
        .and.to.contain('StrictHostKeyChecking=yes')
      expect(await readFile(join(root, 'backups/ssh/known_hosts'), 'utf8')).to.equal('[nas]:2222 ssh-ed25519 AAAA\n')
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  })
})
