import type { Command } from 'commander'
import type { Diagnosis } from '../api/contract.js'
import { addCommand } from './command.js'
import { heading, print, printJson } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

type Finding = Diagnosis['findings'][number]

const marks = { ok: 'ok', warning: 'warning', error: 'ERROR' } as const

/** `ERROR    apps         blog: web.1 crashes`, and below it what to do. */
function lineOf({ level, area, subject, message, hint }: Finding): string {
  const left = `${marks[level].padEnd(9)}${area.padEnd(14)}`
  const what = `${left}${subject === null ? '' : `${subject}: `}${message}`
  return hint === null ? what : `${what}\n${' '.repeat(left.length)}${hint}`
}

/** `berth doctor`. */
export function registerDoctor(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'doctor',
      summary:
        'look at every part of Berth and say what is wrong, and what to do; ends with 1 if something does not work',
      group: 'Berth',
      examples: ['doctor', 'doctor --json'],
    }),
  ).action(async ({ json }: JsonOptions) => {
    const { client } = await openSession()
    const diagnosis = await client.doctor.examine({})
    if (json) printJson(diagnosis)
    else {
      print(heading(`Berth ${diagnosis.version}`))
      for (const finding of diagnosis.findings) print(lineOf(finding))
    }
    if (diagnosis.findings.some(({ level }) => level === 'error')) process.exitCode = 1
  })
}
