import { readFile } from 'node:fs/promises'
import { orMissing } from '../system/missing.js'

/** What the runtime said of a program that it could not start. */
export interface Refused {
  readonly said: string
  readonly program: string
  readonly cwd: string
}

/** The reason as dockerd words it: clients derive exit codes 126 and 127 from the text. crun's and runc's words are known. */
export function refusalOf({ said, program, cwd }: Refused): string {
  const chdir = /chdir|current working directory|\bcwd\b/i.test(said)
  const unable = 'unable to start container process: '
  if (chdir) {
    if (!cwd.startsWith('/')) return 'Cwd must be an absolute path'
    const why = /not a directory/i.test(said)
      ? 'not a directory'
      : /permission/i.test(said)
        ? 'permission denied'
        : undefined
    return `${unable}chdir to cwd ("${cwd}") set in config.json failed: ${why ?? 'no such file or directory'}`
  }
  const missing = /executable file .* not found|no such file or directory/i.test(said) && said.includes(program)
  if (program === '' || (missing && !program.includes('/')))
    return `${unable}exec: "${program}": executable file not found in $PATH`
  if (missing) return `${unable}exec: "${program}": stat ${program}: no such file or directory`
  // crun of a directory: "open executable: Operation not permitted"
  if (/permission denied|open executable|is a directory/i.test(said))
    return `${unable}exec: "${program}": permission denied`
  return said === '' ? 'the runtime gave no reason' : said
}

/** The errors of a runtime's `--log-format json` file, one a line; '' when there are none. */
export async function complaintsIn(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(orMissing(''))
  return text
    .split('\n')
    .flatMap((line) => {
      const { level = '', msg = '' } = parse(line)
      return level === 'error' || level === 'fatal' ? [msg] : []
    })
    .join('; ')
}

function parse(line: string): { level?: string; msg?: string } {
  try {
    return JSON.parse(line) as { level?: string; msg?: string }
  } catch {
    return {}
  }
}
