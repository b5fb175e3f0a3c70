import { expect } from 'chai'
import { allows } from '../../../src/buildpacks/python/specifier.js'
import { complaintOf, planOf, type Files } from '../trees.js'

const plan = (files: Files) => planOf({ 'main.py': '', ...files })
const project = (range: string): Files => ({
  'pyproject.toml': `[project]\nname = "x"\nrequires-python = "${range}"\n`,
})

describe('the version of Python', () => {
  it('is what the app pins, in the order in which Heroku looks', () => {
    expect(plan({}).version).to.equal('3.11')
    expect(plan({ '.python-version': '# mine\n3.13\n' }).version).to.equal('3.13')
    expect(plan({ 'runtime.txt': 'python-3.10', '.python-version': '3.13' }).version).to.equal('3.10')
    expect(plan({ Pipfile: '[packages]\n[requires]\npython_version = "3.12"\n' }).version).to.equal('3.12')
    expect(plan({ '.python-version': '3' }).version).to.equal('3.11')
    const exact = plan({ 'runtime.txt': 'python-3.12.4' })
    expect(exact.version).to.equal('3.12')
    expect(exact.notes[0]).to.include('runtime.txt asks for python-3.12.4')
    expect(exact.dockerfile).to.match(/^FROM python:3\.12-slim-bookworm/)
  })

  it('decides which release of the tools installs: the newest that runs on it', () => {
    const tool = (version: string, files: Files): string | undefined =>
      /uv tool install -q (\S+)/.exec(plan({ '.python-version': version, ...files }).dockerfile)?.[1]
    const pipfile = { Pipfile: '[packages]\nflask = "*"\n' }
    expect(['3.13', '3.10', '3.9', '3.8'].map((version) => tool(version, pipfile))).to.deep.equal([
      'pipenv==2026.10.3',
      'pipenv==2026.10.3',
      'pipenv==2025.0.4',
      'pipenv==2024.4.1',
    ])
    for (const file of ['poetry.lock', 'pdm.lock'])
      expect(tool('3.9', { 'pyproject.toml': '[project]\nname = "x"\n', [file]: '' }), file).not.to.equal(
        tool('3.11', { 'pyproject.toml': '[project]\nname = "x"\n', [file]: '' }),
      )
  })

  it("is one that requires-python allows, Debian's before others", () => {
    for (const [range, version] of [
      ['>=3.8', '3.11'],
      ['>=3.12', '3.13'],
      ['<3.10', '3.9'],
      ['==3.12.*', '3.12'],
      ['>=3.11.4,<3.13', '3.12'],
      ['>= 3.14', '3.14'],
    ] as const)
      expect(plan(project(range)).version, range).to.equal(version)
    expect(plan({ 'pyproject.toml': '[tool.poetry.dependencies]\npython = "^3.12"\n' }).version).to.equal('3.13')
    expect(plan({ ...project('>=3.12'), '.python-version': '3.11' }).notes).to.deep.include(
      '.python-version asks for 3.11, which pyproject.toml: requires-python ">=3.12" does not allow',
    )
  })

  it('is refused in words where there is none', () => {
    for (const text of ['pypy3.10', '3.7', '2.7.18', '3.12-dev', 'nonsense'])
      expect(complaintOf({ 'main.py': '', '.python-version': text }))
        .to.include(`.python-version asks for "${text}"`)
        .and.include('Python 3.9, 3.11, 3.13 are to be had everywhere')
    expect(complaintOf({ 'main.py': '', '.python-version': '3.11\n3.12' })).to.include(
      'names several versions: 3.11, 3.12',
    )
    expect(complaintOf({ 'main.py': '', ...project('>=3.15') })).to.include('requires-python ">=3.15" allows no Python')
  })

  it('is compared as PEP 440 and Poetry have it', () => {
    for (const [specifier, yes, no] of [
      ['>=3.10,<3.12', '3.11.9', '3.12.0'],
      ['~=3.10', '3.14.0', '3.9.1'],
      ['~=3.11.2', '3.11.5', '3.12.0'],
      ['^3.11', '3.14.1', '3.10.9'],
      ['~3.11', '3.11.9', '3.12.0'],
      ['3.10 || >=3.13', '3.10.4', '3.12.0'],
      ['!=3.11.*', '3.12.1', '3.11.1'],
      ['>3.11', '3.12.0', '3.11.9'],
      ['<=3.11', '3.11.9', '3.12.0'],
      ['>=3.9 <3.12', '3.9.0', '3.12.0'],
    ] as const) {
      expect(allows(specifier, yes), `${specifier} ${yes}`).to.equal(true)
      expect(allows(specifier, no), `${specifier} ${no}`).to.equal(false)
    }
    expect(allows('', '3.11.2') && allows('*', '3.11.2')).to.equal(true)
  })
})
