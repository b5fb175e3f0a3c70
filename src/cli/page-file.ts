import { open } from 'node:fs/promises'
import { isMissing } from '../lib/missing.js'
import { rulesLimits } from '../routing-rules.js'
import { UsageError } from './failure.js'

/** The HTML of a page that an app shall have of its own. @throws UsageError for what is none */
export async function readPage(file: string): Promise<string> {
  const opened = await open(file).catch((error: unknown) => {
    if (isMissing(error)) throw new UsageError(`there is no file ${file}`, 'name one with HTML')
    throw error
  })
  await using handle = opened
  const stat = await handle.stat()
  if (!stat.isFile()) throw new UsageError(`${file} is no file`, 'name one with HTML')
  if (stat.size > rulesLimits.page)
    throw new UsageError(
      `${file} has more than ${rulesLimits.page / 1024} KiB`,
      'let it load what is large from elsewhere: the app cannot serve it then',
    )
  const html = await handle.readFile('utf8')
  if (html.trim() === '') throw new UsageError(`${file} is empty`, 'name one with HTML')
  return html
}
