import { expect } from 'chai'
import { planOf, type Files } from './trees.js'

const ignored = (project: string): string[] => {
  const files: Files = { 'main.py': '', 'project.toml': project }
  return planOf(files)
    .dockerignore.split('\n')
    .slice(planOf({ 'main.py': '' }).dockerignore.split('\n').length)
}

describe('a project.toml', () => {
  it('leaves files out, by patterns as git has them', () => {
    expect(
      ignored('[io.buildpacks]\nexclude = ["*.pem", "/docs/", "test/data", "!x", "#y", "a\\nb", 1]\n'),
    ).to.deep.equal(['*.pem', '**/*.pem', 'docs', 'test/data'])
    expect(ignored('[build]\nexclude = ["secret"]\n')).to.deep.equal(['secret', '**/secret'])
  })

  it('lets in the only files that it names', () =>
    expect(ignored('[io.buildpacks]\ninclude = ["main.py", "/app/"]\nexclude = ["x"]\n')).to.deep.equal([
      '**',
      '!main.py',
      '!**/main.py',
      '!app',
    ]))

  it('says that its variables are not used, and how to set them', () => {
    const notes = (project: string) => planOf({ 'main.py': '', 'project.toml': project }).notes
    const words = 'project.toml: its env is not used: berth config:set MODE=… LEVEL=…'
    const both = (table: string) =>
      `[[${table}]]\nname = "MODE"\nvalue = "x"\n[[${table}]]\nname = "LEVEL"\nvalue = "1"\n`
    expect(notes(both('io.buildpacks.build.env'))).to.deep.equal([words])
    expect(notes(both('build.env'))).to.deep.equal([words])
    expect(notes('[_]\nschema-version = "0.2"\n')).to.deep.equal([])
  })

  it('says nothing of a Dockerfile of the app', () => {
    const project = '[io.buildpacks]\nexclude = ["x"]\n'
    expect(planOf({ Dockerfile: 'FROM debian', 'project.toml': project }).dockerignore).not.to.include('x')
  })
})
