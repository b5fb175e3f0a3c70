import type { ControlApiDeps } from '../platform.js'
import type { Finding } from './contract.js'

/** Looks at one area. What it throws is a finding, too; it ends with the signal. */
export type Examination = (platform: ControlApiDeps, signal: AbortSignal) => Promise<readonly Finding[]>

/** Says something of an area. */
export type Say = (message: string, hint?: string, subject?: string) => Finding

/** The three ways to say it. */
export function sayOf(area: Finding['area']): Readonly<Record<'ok' | 'warning' | 'error', Say>> {
  const at =
    (level: Finding['level']): Say =>
    (message, hint, subject) => ({ area, subject: subject ?? null, level, message, hint: hint ?? null })
  return { ok: at('ok'), warning: at('warning'), error: at('error') }
}
