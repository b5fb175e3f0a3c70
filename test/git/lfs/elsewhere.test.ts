import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { operationFiles } from '../../../src/builds/files.js'
import { objectFile } from '../../../src/git/lfs/objects.js'
import { lfsServerOf } from '../../../src/git/lfs/elsewhere.js'
import { parseSource } from '../../../src/git/sync/source.js'
import { parseUrl } from '../../../src/git/remotes/url.js'
import { Secret } from '../../../src/lib/secret.js'
import type { Sync } from '../../../src/store/syncs.js'
import { patience } from '../../patience.js'
import { gitRig, type GitRig } from '../rig.js'

const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

describe('a sync of what Git LFS keeps', function () {
  this.timeout(120_000 * patience)
  let rig: GitRig
  before(async () => {
    rig = await gitRig({ settings: { BERTH_GIT_PRIVATE_HOSTS: '127.0.0.1' } })
  })
  after(() => rig[Symbol.asyncDispose]())

  it('fetches the files from the server of the repository, and refuses by name what is absent or another', async () => {
    // the repository that the app is kept from is another app: its LFS server is filled by git-lfs itself
    const [large, upstream] = [randomBytes(300_000), await rig.app('up')]
    const copy = await rig.clone('up', { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' })
    await copy.git('lfs', 'install', '--local')
    await writeFile(join(copy.dir, 'a.bin'), large)
    await copy.commit({ 'art/b.bin': 'b', 'plain.txt': 'ä' })
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)

    let built: string[] = []
    rig.fate = ({ id }) => {
      const tree = operationFiles(rig.config, id).source
      built = ['a.bin', 'art/b.bin'].map((path) => digestOf(readFileSync(join(tree, path))))
      return null
    }
    const gitSource = parseSource(`${rig.url}/up.git`, 'main')
    const app = await rig.store.apps.update((await rig.app('kept')).id, { gitSource })
    await rig.store.gitLogins(app.id).set({ host: new URL(rig.url).host, user: 'x' }, new Secret(rig.token))
    const sync = async (): Promise<Sync & { text: string }> => {
      const { output, ended } = await rig.syncing.ask(app, { cause: 'command', by: null })
      let text = ''
      for await (const piece of output.read(new AbortController().signal)) text += piece
      const end = await ended
      if (end === null) throw new Error('it did not come to an end')
      return { ...end, text }
    }

    const file = objectFile(rig.repository(upstream), digestOf(large))
    await chmod(file, 0o644)
    for (const [spoil, words] of [
      [
        () => writeFile(file, randomBytes(large.length)),
        /source: a\.bin: the LFS object \w{64} has the digest \w{64}\n[^]*git lfs push --all origin/,
      ],
      [() => rm(file), /source: a\.bin: Git LFS keeps these files, and http:\S+ does not have them\n/],
    ] as const) {
      await spoil()
      const { status, text } = await sync()
      expect([status, built], text).to.deep.equal(['failed', []])
      expect(text).to.match(words)
      expect(readdirSync(join(rig.repository(app), 'lfs', 'incoming'))).to.deep.equal([])
    }
    await writeFile(file, large)
    const done = await sync()
    expect(done.status, done.text).to.equal('succeeded')
    expect(done.text)
      .to.match(/[12] files? of Git LFS fetched/)
      .and.not.include(rig.token)
    expect(built).to.deep.equal([digestOf(large), digestOf('b')])
  })

  it('looks for them where git-lfs does', async () => {
    await rig.app('where')
    const copy = await rig.clone('where')
    const repository = join(copy.dir, '.git')
    const find = async (url: string, config?: string): Promise<string> => {
      const commit = await copy.commit(config === undefined ? {} : { '.lfsconfig': config })
      const fetched = { commit, origin: parseUrl(url, 'source') }
      return lfsServerOf({ ...fetched, from: repository, env: {} }, 'lib').then(
        (found) => found.url.href,
        (error: unknown) => (error as Error).message,
      )
    }
    for (const [url, server] of [
      ['https://host/you/app', 'https://host/you/app.git/info/lfs'],
      ['https://host:8443/you/app.git/', 'https://host:8443/you/app.git/info/lfs'],
      ['git@host:you/app.git', 'https://host/you/app.git/info/lfs'],
      ['ssh://git@host:2222/~/app', 'https://host/app.git/info/lfs'],
    ] as const)
      expect(await find(url)).to.equal(server)
    for (const [config, server] of [
      ['[lfs]\n\turl = https://lfs.host/x/\n', /^https:\/\/lfs\.host\/x$/],
      ['[lfs]\n\turl = file:///etc\n', /^lib: \.lfsconfig: "file:\/\/\/etc" is a path/],
      ['[lfs]\n\turl = ssh://git@host/x\n', /^lib: \.lfsconfig: files of Git LFS are fetched over https alone/],
      ['[include]\n\tpath = /etc/passwd\n[lfs]\n\tconcurrenttransfers = 1\n', /^https:\/\/host\/app\.git\/info\/lfs$/],
    ] as const)
      expect(await find('https://host/app', config)).to.match(server)
  })
})
