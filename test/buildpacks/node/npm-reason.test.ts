import { expect } from 'chai'
import { npmReason } from '../../../src/buildpacks/node/npm-reason.js'

const outOfStep = `npm error code EUSAGE
npm error
npm error \`npm ci\` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with \`npm install\` before continuing.
npm error
npm error Missing: is-odd@3.0.1 from lock file
npm error Missing: is-number@6.0.0 from lock file
npm error
npm error Clean install a project
npm error
npm error Usage:
npm error npm ci
npm error
npm error Options:
npm error [--install-strategy <hoisted|nested|shallow|linked>] [--legacy-bundling]
npm error A complete log of this run can be found in: /home/node/.npm/_logs/x-debug-0.log`

const missing = `npm ERR! code E404
npm ERR! 404 Not Found - GET https://registry.example/nope - Not found
npm ERR! 404
npm ERR! 404  'nope@*' is not in this registry.
npm ERR! A complete log of this run can be found in:`

describe('why npm failed', () => {
  it('is its own reason, without its usage', () => {
    expect(npmReason(['added 1 package', ...outOfStep.split('\n')])).to.equal(
      [
        'npm: `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with `npm install` before continuing.',
        'Missing: is-odd@3.0.1 from lock file',
        'Missing: is-number@6.0.0 from lock file',
      ].join('\n'),
    )
    expect(npmReason(missing.split('\n'))).to.match(/^npm: 404 Not Found/)
  })

  it('is not told of what is not npm', () => {
    expect(npmReason([])).to.equal(null)
    expect(npmReason(['error TS2304: cannot find name', 'npm warn deprecated x'])).to.equal(null)
  })

  it('is which packages do not go together, and what to do', () => {
    const lines = `npm error code ERESOLVE
npm error ERESOLVE could not resolve
npm error
npm error While resolving: app@0.0.0
npm error Found: react@19.1.0
npm error node_modules/react
npm error   react@"^19.1.0" from the root project
npm error
npm error Could not resolve dependency:
npm error peer react@"^18.0.0" from old-library@1.2.3
npm error node_modules/old-library
npm error
npm error Conflicting peer dependency: react@18.3.1
npm error Fix the upstream dependency conflict, or retry`.split('\n')
    expect(npmReason(lines)).to.equal(
      'npm: ERESOLVE: peer react@"^18.0.0" from old-library@1.2.3 does not go with react@19.1.0: it wants react@18.3.1\n' +
        'commit a package-lock.json of versions that go together, or write `legacy-peer-deps=true` into .npmrc',
    )
  })
})
