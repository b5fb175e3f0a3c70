import { expect } from 'chai'
import { encode, openBuilderLab, succeeded, type BuilderLab } from './builder-lab.js'
import { oracle } from './harness.js'

// Berth's own headers
if (!oracle)
  describe('variables that a client lends to all steps of a build', function () {
    if (process.getuid?.() !== 0) return
    let lab: BuilderLab
    before(async () => (lab = await openBuilderLab()))
    after(() => lab[Symbol.asyncDispose]())

    const context = {
      'list.txt': 'one',
      Dockerfile: [
        'FROM debian:bookworm-slim AS tools',
        'WORKDIR /app',
        'COPY list.txt ./',
        'RUN env | sort > /before',
        'FROM tools AS code',
        'COPY --chown=root:root . .',
        'RUN env | sort > /after',
        'FROM debian:bookworm-slim',
        'RUN env | sort > /last',
        'COPY --from=code /before /after /',
        '',
      ].join('\n'),
    }
    const build = async (variables: object, early?: string): Promise<string> => {
      await lab.headers({
        'X-Build-Env': encode(variables),
        ...(early === undefined ? {} : { 'X-Build-Env-Early': early }),
      })
      return succeeded(await lab.build(context, '-t', 'built'))
    }
    const lent = async (path: string): Promise<string[]> =>
      ((await lab.read('built', path)) ?? '').split('\n').filter((line) => /^(?:NPM_TOKEN|TITLE)=/.test(line))
    const repeated = (said: string): number => said.split('---> Running in').length - 1

    it('are seen by every step', async () => {
      await build({ TITLE: 'a', NPM_TOKEN: 't' })
      for (const path of ['/before', '/after', '/last'])
        expect(await lent(path)).to.deep.equal(['NPM_TOKEN=t', 'TITLE=a'])
    })

    it('are not those of steps before the whole context is there, but for those that are named', async () => {
      await build({ TITLE: 'a', NPM_TOKEN: 't' }, 'CI,NPM_*')
      expect([await lent('/before'), await lent('/after'), await lent('/last')]).to.deep.equal([
        ['NPM_TOKEN=t'],
        ['NPM_TOKEN=t', 'TITLE=a'],
        ['NPM_TOKEN=t'],
      ])
    })

    it('repeat the steps that see them, and no other', async () => {
      await build({ TITLE: 'a', NPM_TOKEN: 't' }, 'CI,NPM_*')
      expect(repeated(await build({ TITLE: 'b', NPM_TOKEN: 't' }, 'CI,NPM_*'))).to.equal(1)
      expect(await lent('/after')).to.include('TITLE=b')
      expect(repeated(await build({ TITLE: 'b', NPM_TOKEN: 'u' }, 'CI,NPM_*'))).to.equal(3)
    })
  })
