/** `npm run test:stacks:third [-- MOCHA-OPTION...]`: runs the specs that `thirdOf` chooses for the commit that is checked out. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../../run.js'
import { examplesIn, specs, sum, thirdOf } from './third.js'

const home = fileURLToPath(new URL('../../..', import.meta.url))

/** What git prints, or '' where it knows nothing: in a shallow clone, or without a repository at all. */
async function git(...args: string[]): Promise<string> {
  // the checkout may be another user's
  const { code, stdout } = await run('git', ['-c', 'safe.directory=*', ...args], { cwd: home })
  return code === 0 ? stdout.trim() : ''
}

const commit = await git('rev-parse', 'HEAD')
const landed = await git('merge-base', 'HEAD', 'origin/HEAD')
const before = landed === commit || landed === '' ? await git('rev-parse', '--verify', 'HEAD^') : landed
const paths = before === '' ? [] : (await git('diff', '--name-only', before)).split('\n')
const texts = Object.keys(specs).map(async (name) => {
  const text = await readFile(join(home, `test/e2e/stacks/${name}.test.ts`), 'utf8')
  return [name, examplesIn(text)] as const
})
const { run: chosen, left } = thirdOf({ commit, paths, examples: Object.fromEntries(await Promise.all(texts)) })
const minutes = (names: readonly string[]): string => `${Math.ceil(sum(names) / 60)} min`
console.log(`${chosen.length} of ${Object.keys(specs).length} (${minutes(chosen)}): ${chosen.join(', ')}`)
if (left.length > 0) console.log(`Touched, but left to \`npm run test:stacks\` (${minutes(left)}): ${left.join(', ')}`)
const files = chosen.flatMap((name) => ['--spec', `test/e2e/stacks/${name}.test.ts`])
const options = ['--config', '.mocharc.e2e.json', '--no-parallel', ...process.argv.slice(2)]
const mocha = spawn('npx', ['mocha', ...options, ...files], { cwd: home, stdio: 'inherit' })
const [code] = (await once(mocha, 'close')) as [number | null]
process.exitCode = code ?? 1
