import { expect } from 'chai'
import { ended, inMebibytes, ofProgress, unpacked } from '../../src/git/explain.js'

const limits = { memory: 256 * 1024 * 1024, seconds: 60, size: 1, tree: 1, files: 1 }

describe('why git took no push', () => {
  // as git 2.39 says it
  for (const [said, message, hint] of [
    [
      'fatal: Out of memory, malloc failed (tried to allocate 17179869185 bytes)',
      /more than 256 MiB of memory/,
      /BERTH_GIT_MEMORY/,
    ],
    [
      'fatal: packfile x.pack cannot be mapped: Cannot allocate memory',
      /more than 256 MiB of memory/,
      /BERTH_GIT_MEMORY/,
    ],
    ['error: file write error: No space left on device\nfatal: unable to write', /disk is full/, /free space/],
    ['error: unable to write file: Disk quota exceeded', /disk is full/, /free space/],
    ['fatal: did not receive expected object 3b18e5', /neither in the push nor here/, /git fsck/],
    [
      'error: object 557db03de997c86a4a028e1ebd3a1ceb225be238: zeroPaddedFilemode: contains zero-padded file modes',
      /calls damaged \(zeroPaddedFilemode\)/,
      /names it/,
    ],
    [
      'error: object 557db03de997c86a4a028e1ebd3a1ceb225be238: gitmodulesName: disallowed submodule name: ../x\n',
      /a \.gitmodules that git refuses: disallowed submodule name: \.\.\/x/,
      /anew/,
    ],
    [
      'Unpacking objects\nfatal: pack has bad object at offset 12: inflate returned -3\n',
      /could not unpack the push: pack has bad object at offset 12/,
      /git fsck/,
    ],
  ] as const)
    it(`is told of ${JSON.stringify(said.slice(0, 40))}`, () => {
      const words = ofProgress(said, limits)
      expect(words?.message).to.match(message)
      expect(words?.hint).to.match(hint)
    })

  it('is not known of words of its progress', () => {
    for (const said of ['', 'Unpacking objects: 100% (3/3), done.', 'the app said: fatal: x', 'warning: a'])
      expect(ofProgress(said, limits), said).to.equal(null)
  })

  it('is a limit where it said nothing', () => {
    expect(ended(limits).message).to.include('256 MiB of memory and 60 s of processor time')
    expect([0, 1, 1024 * 1024, 1024 * 1024 + 1].map(inMebibytes)).to.deep.equal(['0 MiB', '1 MiB', '1 MiB', '2 MiB'])
  })

  it('is looked for in the whole of it, in time', () => {
    const began = Date.now()
    ofProgress(`${'error: object '.repeat(200)}${'fsck error '.repeat(200)}\n`.repeat(20), limits)
    expect(Date.now() - began).to.be.lessThan(2_000)
  })
})

describe('a report of git', () => {
  it('says whether it has the pack', () => {
    expect(unpacked('000eunpack ok\n0019ok refs/heads/main\n')).to.equal(true)
    expect(unpacked('0024unpack index-pack abnormal exit\n')).to.equal(false)
    for (const other of ['', 'unpack ok\n', '000eunpack ok', 'x000eunpack ok\n'])
      expect(unpacked(other)).to.equal(false)
  })
})
