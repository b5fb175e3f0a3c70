import { expect } from 'chai'
import { appDirectory } from '../../src/buildpacks/app-directory.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { BerthError } from '../../src/errors.js'
import { pkg, withTree } from './trees.js'

const files = {
  'package.json': pkg({ workspaces: ['apps/*'] }),
  'apps/web/package.json': pkg({ name: '@x/web' }),
  'services/api/main.py': '',
  out: { to: '/tmp' },
}

const at = (BERTH_APP_DIR?: string): string =>
  withTree(files, (directory) =>
    appDirectory(directoryTree(directory), BERTH_APP_DIR === undefined ? {} : { BERTH_APP_DIR }),
  )

describe('the folder of an app', () => {
  for (const [asked, is] of [
    [undefined, '.'],
    ['', '.'],
    ['./', '.'],
    ['services/api', 'services/api'],
    ['./services//api/', 'services/api'],
    ['apps/web', '.'],
    ['@x/web', '.'],
  ] as const)
    it(`is ${is} where BERTH_APP_DIR is ${String(asked)}`, () => expect(at(asked)).to.equal(is))

  it('is in the tree, or it is told what is there', () => {
    for (const asked of ['gone', '../x', '/etc', 'services/../..', 'out', 'services/api/main.py'])
      expect(() => at(asked), asked)
        .to.throw(BerthError, `BERTH_APP_DIR is ${asked}: there is no such folder`)
        .with.property(
          'hint',
          'at the top of the repository there are apps, services; to deploy the top: berth builds:unset dir',
        )
  })
})
