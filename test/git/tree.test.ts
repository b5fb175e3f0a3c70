import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { operationFiles } from '../../src/builds/files.js'
import type { App } from '../../src/store/apps.js'
import { gitRig, type GitRig } from './rig.js'

const lfs = (letter: string): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${letter.repeat(64)}\nsize 1234567\n`

describe('the files of a push', function () {
  this.timeout(30_000)
  let rig: GitRig
  let app: App
  let name = ''
  let count = 0
  before(async () => {
    rig = await gitRig()
  })
  beforeEach(async () => {
    rig.fate = () => null
    name = `files${String((count += 1))}`
    app = await rig.app(name)
  })
  afterEach(async () => {
    expect(await rig.fsck(app)).to.equal('')
  })
  after(() => rig[Symbol.asyncDispose]())

  const refused = async (said: string, words: RegExp): Promise<void> => {
    expect(said).to.match(words)
    expect([(await rig.store.operations.list(app.id)).length, await rig.tip(app)]).to.deep.equal([0, null])
  }
  const link = '160000,1111111111111111111111111111111111111111'

  it('are refused with a submodule that cannot be had among them, and taken once its files are', async () => {
    const copy = await rig.clone(name)
    await copy.commit({ '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n' })
    await copy.git('update-index', '--add', '--cacheinfo', `${link},lib`)
    await copy.git('commit', '-q', '-m', 'a submodule')
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code).to.equal(1)
    await refused(pushed.stderr, /lib: its URL "\.\.\/lib\.git" is relative[\s\S]*git:set origin=/)
    await copy.git('rm', '-q', '--cached', 'lib')
    await copy.commit({ 'lib/a.js': '1' })
    const again = await copy.git('push', 'berth', 'main')
    expect(again.code, again.stderr).to.equal(0)
  })

  it('are refused with many repositories among them that no .gitmodules names', async () => {
    const copy = await rig.clone(name)
    for (const at of [1, 2, 3, 4, 5])
      await copy.git('update-index', '--add', '--cacheinfo', `${link},deep/lib${String(at)}`)
    await copy.git('commit', '-q', '-m', 'embedded')
    await refused(
      (await copy.git('push', 'berth', 'main')).stderr,
      /deep\/lib1, deep\/lib2, deep\/lib3 and 2 more: a commit of another repository[\s\S]*git rm --cached deep\/lib1/,
    )
  })

  for (const [where, attributes] of Object.entries({
    'in the root': { '.gitattributes': '*.png filter=lfs diff=lfs merge=lfs -text\n' },
    'in a directory': { 'art/.gitattributes': '*.png filter=lfs\n' },
    'by a macro': { '.gitattributes': '[attr]large filter=lfs -text\nart/** large\n' },
  }))
    it(`are refused with Git LFS pointers to what was not pushed, named ${where}`, async () => {
      const copy = await rig.clone(name)
      await copy.commit({
        ...attributes,
        'art/a b.png': lfs('a'),
        'art/ü.png': lfs('b'),
        'art/real.png': 'not a pointer',
      })
      await refused(
        (await copy.git('push', 'berth', 'main')).stderr,
        /art\/(a b|ü)\.png, art\/(a b|ü)\.png: Git LFS keeps[\s\S]*git lfs push --all berth/,
      )
    })

  it('are taken with what only looks like a pointer, or is a real file of that name', async () => {
    const copy = await rig.clone(name)
    await copy.commit({ '.gitattributes': '*.png filter=lfs\n', 'a.png': 'a', 'pointer.txt': lfs('a') })
    const pushed = await copy.git('push', 'berth', 'main')
    expect(pushed.code, pushed.stderr).to.equal(0)
  })

  it('are what was committed, byte for byte, whatever their attributes say', async () => {
    const files = {
      'run.sh': '#!/bin/sh\necho hi\n',
      'run.bat': 'echo hi\r\n',
      'id.txt': '$Id$ $Format:%H$\n',
      'wide.txt': 'ü\n',
      'lines.txt': '\n'.repeat(1000),
      'gone.txt': 'export-ignore',
    }
    const attributes =
      '*.sh eol=crlf\nlines.txt text eol=crlf\nid.txt ident export-subst\nwide.txt working-tree-encoding=UTF-32LE\n' +
      'gone.txt export-ignore filter=none\n*.bat text\n'
    const copy = await rig.clone(name, { ...files, attributes })
    // added beside the working copy, where git would change the files at once
    const oid = (await copy.git('hash-object', '-w', 'attributes')).stdout.trim()
    await copy.git('update-index', '--add', '--cacheinfo', `100644,${oid},.gitattributes`)
    let seen: Record<string, string> = {}
    rig.fate = ({ id }) => {
      const tree = operationFiles(rig.config, id).source
      seen = Object.fromEntries(Object.keys(files).map((path) => [path, readFileSync(join(tree, path), 'utf8')]))
      return null
    }
    for (const change of ['one', 'two']) {
      await copy.git('commit', '-q', '--allow-empty', '-m', change)
      const pushed = await copy.git('push', 'berth', 'main')
      expect(pushed.code, pushed.stderr).to.equal(0)
      const committed = await Promise.all(
        Object.keys(files).map(async (path) => [path, (await copy.git('cat-file', 'blob', `HEAD:${path}`)).stdout]),
      )
      expect(seen).to.deep.equal(Object.fromEntries(committed))
    }
  })
})
