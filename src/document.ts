import { readFile, writeFile } from 'node:fs/promises'
import { createProgram } from './cli/program.js'
import { reference } from './cli/reference.js'
import { endpointTable } from './engine/api/endpoint-table.js'

const mark = '<!-- from here on made by `npm run docs` -->\n'

/** What is made from the code, by page. */
const pages: Readonly<Record<string, () => Promise<string> | string>> = {
  'cli.md': async () => reference(await createProgram([])),
  'engine.md': endpointTable,
}

/** The pages as they are and as they should be: what a person wrote up to the mark, what the code says after it. */
export const documented = (): Promise<{ name: string; page: URL; is: string; should: string }[]> =>
  Promise.all(
    Object.entries(pages).map(async ([name, make]) => {
      const page = new URL(`../docs/${name}`, import.meta.url)
      const is = await readFile(page, 'utf8')
      const [written = ''] = is.split(mark)
      return { name, page, is, should: `${written}${mark}\n${await make()}\n` }
    }),
  )

if (process.argv[1] === import.meta.filename)
  for (const { page, should } of await documented()) await writeFile(page, should)
