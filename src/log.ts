import { pino, type Logger } from 'pino'

/** The log of one platform process: JSON lines on stdout, which the supervisor files. */
export const createLog = (name: string): Logger =>
  pino({
    name,
    level: process.env.BERTH_LOG ?? 'info',
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['req.headers.authorization', 'token', 'config', '*.token', '*.config'],
  })

export type { Logger }
