import { expect } from 'chai'
import { failureReason } from '../../../src/buildpacks/node/failure-reason.js'

describe('why a build failed', () => {
  for (const [name, line, reason] of [
    [
      'Yarn 1',
      'error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.',
      'yarn: Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.',
    ],
    [
      'Yarn 4',
      '➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.',
      'yarn: The lockfile would have been modified by this install, which is explicitly forbidden.',
    ],
    [
      'pnpm',
      ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date',
      'pnpm: Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date',
    ],
    ['Bun', 'error: lockfile had changes, but lockfile is frozen', 'bun: lockfile had changes, but lockfile is frozen'],
    ['npm', 'npm error Missing: a@1 from lock file', 'npm: Missing: a@1 from lock file'],
    ['a build without a site', 'The build made no site: there is no index.html in dist/', null],
  ] as const)
    it(`is told in the words of ${name}`, () =>
      expect(failureReason(['➤ YN0000: · Yarn 4.18.1', 'compiling', line, 'more'])).to.equal(reason ?? line))

  it('is not told where nobody says', () => expect(failureReason(['error', 'src/a.ts(1,1): error TS1'])).to.equal(null))
})
