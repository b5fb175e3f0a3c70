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

  for (const [name, lines, reason] of [
    [
      'Vite',
      ['error during build:', 'Error: Encountered dynamic routes', '    at adapt (x.js:38:12)'],
      'Error: Encountered dynamic routes',
    ],
    [
      'Vite, in colours',
      [
        '\u001b[31merror during build:',
        '\u001b[31m[vite]: Rollup failed to resolve import "x" from "/app/a.js".\u001b[39m',
      ],
      '[vite]: Rollup failed to resolve import "x" from "/app/a.js".',
    ],
    [
      'Next.js',
      ['Failed to compile.', '', './app/page.tsx:3:1', "Module not found: Can't resolve 'x'", '> Build failed'],
      "./app/page.tsx:3:1: Module not found: Can't resolve 'x'",
    ],
    [
      'Turbopack',
      [
        ...[
          '> Build error occurred',
          'Error: Turbopack build failed with 2 errors:',
          '[next]/internal/font/a.module.css',
        ],
        ...['Error: next/font: error:', 'Failed to fetch Geist from Google Fonts.', 'Import trace:'],
      ],
      '[next]/internal/font/a.module.css: Error: next/font: error: Failed to fetch Geist from Google Fonts.',
    ],
    [
      'Turbopack, of a program',
      [
        ...['> Build error occurred', 'Error: Turbopack build failed with 1 errors:', './app/page.tsx:5:3'],
        ...['Parsing ecmascript source code failed', '    3 | x', '> 5 | y'],
      ],
      './app/page.tsx:5:3: Parsing ecmascript source code failed',
    ],
    ['tsc', ["src/a.ts(1,7): error TS2322: Type 'string' is not"], "src/a.ts(1,7): error TS2322: Type 'string' is not"],
    ['esbuild', ['✘ [ERROR] Could not resolve "x"', '', '  src/a.ts:1:7:'], '[ERROR] Could not resolve "x"'],
    [
      'webpack',
      ['ERROR in ./src/index.js 1:0', "Module not found: Error: Can't resolve 'x'"],
      "./src/index.js 1:0: Module not found: Error: Can't resolve 'x'",
    ],
    [
      'what a package manager runs',
      ['src/a.ts(1,7): error TS2322: no', 'error: script "build" exited with code 2'],
      'src/a.ts(1,7): error TS2322: no',
    ],
    [
      'a task of Turborepo',
      [
        'web:build: Failed to compile.',
        'web:build: ',
        'web:build: ./app/page.tsx:1:24',
        'web:build: Type error: no',
        'web:build: npm error code 1',
      ],
      './app/page.tsx:1:24: Type error: no',
    ],
    [
      'a build that went on without its site',
      ['The build made no site: there is no index.html in build/', 'error during build:', 'Error: no'],
      'Error: no',
    ],
  ] as const)
    it(`is told in the words of ${name}`, () => expect(failureReason(['compiling', ...lines])).to.equal(reason))

  it('is not told where nobody says', () => expect(failureReason(['error', 'error during build:', ''])).to.equal(null))
})
