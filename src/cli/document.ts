import { readFile, writeFile } from 'node:fs/promises'
import { createProgram } from './program.js'
import { reference } from './reference.js'

const page = new URL('../../docs/cli.md', import.meta.url)
const mark = '<!-- from here on made by `npm run docs` -->\n'

/** docs/cli.md as it should be: what a person wrote up to the mark, the commands after it. */
export async function documented(): Promise<{ page: URL; is: string; should: string }> {
  const is = await readFile(page, 'utf8')
  const [written = ''] = is.split(mark)
  return { page, is, should: `${written}${mark}\n${reference(await createProgram([]))}\n` }
}

if (process.argv[1] === import.meta.filename) await writeFile(page, (await documented()).should)
