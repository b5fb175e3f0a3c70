import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { OwnPages } from '../../../src/router/rules/own-pages.js'
import { digestOf } from '../../../src/store/pages.js'
import type { Route } from '../../../src/store/routes.js'

describe('the pages that apps have of their own', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-pages-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  const routeWith = (...htmls: string[]): Route => ({
    ...{ app: 'a', name: 'blog', hosts: ['blog.test'], targets: [], version: 1 },
    rules: { pages: Object.fromEntries(htmls.map((html, at) => [String(502 + at), digestOf(html)])) },
  })
  const source = (...htmls: string[]) => {
    const asked: string[] = []
    const fetch = (digest: string) => {
      asked.push(digest)
      return Promise.resolve(htmls.find((html) => digestOf(html) === digest) ?? null)
    }
    return { asked, fetch }
  }

  it('are fetched once, and there when Redis is not', async () => {
    const { asked, fetch } = source('<p>one', '<p>two')
    const pages = new OwnPages(root)
    await pages.fetch(routeWith('<p>one', '<p>two'), fetch)
    await pages.fetch(routeWith('<p>two'), fetch)
    expect(asked).to.have.length(2)
    expect(pages.find(digestOf('<p>one'))).to.equal('<p>one')
    expect(new OwnPages(root).find(digestOf('<p>two'))).to.equal('<p>two')
    expect(pages.find(digestOf('<p>three'))).to.equal(undefined)
  })

  it('go when no route names them', async () => {
    const pages = new OwnPages(root)
    await pages.sweep([])
    await pages.fetch(routeWith('<p>one', '<p>two'), source('<p>one', '<p>two').fetch)
    await pages.sweep([routeWith('<p>two')])
    expect(await readdir(join(root, 'router', 'pages'))).to.deep.equal([`${digestOf('<p>two')}.html`])
  })

  it('are not shown when they are not what they were', async () => {
    const pages = new OwnPages(root)
    await pages.fetch(routeWith('<p>one'), source('<p>one').fetch)
    await writeFile(join(root, 'router', 'pages', `${digestOf('<p>one')}.html`), '')
    expect(pages.find(digestOf('<p>one'))).to.equal(undefined)
    const liar = { fetch: () => Promise.resolve('<p>other') }
    await pages.fetch(routeWith('<p>two'), liar.fetch)
    expect(pages.find(digestOf('<p>two'))).to.equal(undefined)
  })

  it('are in memory some at a time', async () => {
    const htmls = Array.from({ length: 40 }, (_, at) => `<p>${String(at)}`)
    const pages = new OwnPages(root)
    for (const html of htmls) await pages.fetch(routeWith(html), source(html).fetch)
    for (const html of htmls) expect(pages.find(digestOf(html))).to.equal(html)
    await rm(join(root, 'router', 'pages'), { recursive: true })
    expect(htmls.filter((html) => pages.find(digestOf(html)) !== undefined)).to.deep.equal(htmls.slice(8))
  })
})
