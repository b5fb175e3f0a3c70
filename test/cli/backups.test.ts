import { expect } from 'chai'
import type { BackupJobView } from '../../src/api/contract.js'
import { progressOf } from '../../src/cli/backups-follow.js'

const now = Date.parse('2026-12-01T12:00:00Z')
const job = (given: Partial<BackupJobView>): BackupJobView =>
  ({ note: 'saving', bytes: 0, total: null, since: new Date(now - 10_000).toISOString(), ...given }) as BackupJobView

describe('the progress of a backup', () => {
  it('has bytes, and the time that is left, as far as they are known', () => {
    const said = (given: Partial<BackupJobView>): string => progressOf(job(given), now)
    expect(said({ note: null })).to.equal('waiting for what was asked before')
    expect(said({ note: 'asking the repository' })).to.equal('asking the repository')
    expect(said({ bytes: 1024 })).to.equal('saving: 1.0 KiB')
    expect(said({ bytes: 2048, total: 8192 })).to.equal('saving: 2.0 KiB of 8.0 KiB, 30 s left')
    expect(said({ bytes: 0, total: 8192 })).to.equal('saving: 0 bytes of 8.0 KiB')
    expect(said({ bytes: 8192, total: 8192 })).to.equal('saving: 8.0 KiB of 8.0 KiB')
  })
})
