import { BerthError } from '../errors.js'
import type { CronLine } from '../store/cron.js'
import { readSchedule } from './schedule.js'

const longestCommand = 4096

/** @throws BerthError `invalid` */
export function checkCommand(command: string): void {
  if (command.trim() === '') throw new BerthError('invalid', 'the command is empty', 'name what is to run')
  if (command.length > longestCommand)
    throw new BerthError('invalid', `the command is longer than ${longestCommand} characters`, 'put it in a script')
  if (/[^\P{Cc}\t]|\p{Surrogate}/u.test(command))
    throw new BerthError(
      'invalid',
      'the command holds a line break or another control character',
      'write it in one line, or put it in a script of the app',
    )
}

/** @throws BerthError `invalid` with what is wrong with a line */
export function checkLine({ command, schedule, timezone, type }: CronLine): void {
  checkCommand(command)
  readSchedule(schedule, timezone)
  if (type !== undefined && !/^[A-Za-z0-9_-]{1,63}$/.test(type))
    throw new BerthError('invalid', `"${type.slice(0, 80)}" is no process type`, 'name one of the Procfile')
}
