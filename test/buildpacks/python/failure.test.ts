import { expect } from 'chai'
import { pythonReason } from '../../../src/buildpacks/python/failure.js'

describe('why a Python build failed', () => {
  for (const [line, reason] of [
    ['error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.', 'run `uv lock`'],
    [
      'pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix',
      'run `poetry lock`',
    ],
    ['  ╰─▶ Because flsk was not found in the package registry and you require flsk,', 'no package "flsk"'],
    ['  ╰─▶ Because there is no version of flask==99.0 and you require flask==99.0,', 'no such version: flask==99.0'],
    [
      'django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.',
      'DISABLE_COLLECTSTATIC=1',
    ],
    ["error: Couldn't parse requirement in `requirements.txt` at position 6", 'a line of requirements.txt'],
    [
      '`pyproject.toml` is using the `[project]` table, but the required `project.name` field is not set',
      'pyproject.toml: [project] has no name',
    ],
    ["KeyError: 'STRIPE_KEY'", 'config var STRIPE_KEY: `berth config:set STRIPE_KEY=…`'],
    ['      src/x.c:1:10: fatal error: libfoo/foo.h: No such file or directory', 'libfoo/foo.h is not there'],
    ['Error: pg_config executable not found.', 'pg_config is not there'],
  ] as const)
    it(`is told of ${line.trim().slice(0, 60)}`, () => expect(pythonReason(['Step 1', line, 'end'])).to.include(reason))

  it('is not told of what it does not know', () => expect(pythonReason(['all is well'])).to.equal(null))
})
