import { expect } from 'chai'
import { checkSchedule, dueNow, nextBackup, type BackupsKnown } from '../../src/backups/due.js'
import { usualSettings, type Backup, type BackupJob } from '../../src/store/backups.js'

const hour = 3_600_000
const now = Date.parse('2026-12-01T12:00:00Z')
const at = (hours: number): string => new Date(now + hours * hour).toISOString()

const subject = { type: 'service', id: 's1', name: 'db' } as const
const known = { ...subject, since: at(-1), idle: false }
const backup = (hours: number, provenHours?: number): Backup =>
  ({
    ...{ id: `b${hours}`, subject, at: at(hours), failure: null },
    proven: provenHours === undefined ? null : { at: at(provenHours), things: 1 },
  }) as Backup
const job = (given: Partial<BackupJob>): BackupJob =>
  ({ id: 'j', subject, task: 'create', state: 'failed', createdAt: at(0), ...given }) as BackupJob
const state = (given: Partial<BackupsKnown>): BackupsKnown => ({
  settings: { ...usualSettings, schedule: '0 * * * *' },
  ...{ backups: [], jobs: [], ...given },
})
const due = (given: Partial<BackupsKnown>, since = known): string[] =>
  dueNow(state(given), [since], now).map(({ task, backup }) => (backup === null ? task : `${task} ${backup}`))

describe('what is due of backups', () => {
  it('is the first one at the first time that it lives to see, and then one each time', () => {
    expect(nextBackup(state({}), { ...known, since: at(-0.5) }, now)).to.equal(now)
    expect(nextBackup(state({}), { ...known, since: at(0.1) }, now)).to.equal(now + hour)
    expect(due({}, { ...known, since: at(-0.5) })).to.deep.equal(['create'])
    expect(due({ backups: [backup(-0.2, -0.1)] })).to.deep.equal(['create'])
    expect(due({ backups: [backup(0, 0)] })).to.deep.equal([])
    expect(due({ backups: [backup(-30, -29)] })).to.deep.equal(['create'])
  })

  it('is none where it is off, or another is under way, or has just failed', () => {
    const off = { ...usualSettings, schedule: '0 * * * *', schedules: { s1: 'off' } }
    expect(due({ settings: off })).to.deep.equal([])
    expect(due({}, { ...known, idle: true })).to.deep.equal([])
    expect(due({ jobs: [job({ state: 'running', createdAt: at(-5) })] })).to.deep.equal([])
    expect(due({ jobs: [job({})] })).to.deep.equal([])
    expect(due({ jobs: [job({ createdAt: at(-1) })] })).to.deep.equal(['create'])
  })

  it('is a trial of the newest where none was proven for a week, once a day', () => {
    expect(due({ backups: [backup(0)] })).to.deep.equal(['verify b0'])
    expect(due({ backups: [backup(0), backup(-24, -6 * 24)] })).to.deep.equal([])
    expect(due({ backups: [backup(0), backup(-24, -8 * 24)] })).to.deep.equal(['verify b0'])
    expect(due({ backups: [backup(0)], jobs: [job({ task: 'verify', createdAt: at(-2) })] })).to.deep.equal([])
    expect(due({ backups: [backup(0)], jobs: [job({ task: 'verify', createdAt: at(-25) })] })).to.deep.equal([
      'verify b0',
    ])
    const never = { ...usualSettings, schedule: 'off', verifyDays: 0 }
    expect(due({ backups: [backup(0)], settings: never })).to.deep.equal([])
  })

  it('goes on where the clock was set back', () => {
    expect(nextBackup(state({ backups: [backup(1000)] }), known, now)).to.equal(now + hour)
  })

  it('refuses what is no schedule', () => {
    for (const good of ['off', '@daily', '30 3 * * *']) checkSchedule(good)
    for (const bad of ['', 'OFF', '61 * * * *', '0 0 30 2 *'])
      expect(() => checkSchedule(bad), bad).to.throw('no schedule')
  })
})
