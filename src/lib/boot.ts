import { readFileSync } from 'node:fs'

/** Tells one run of the machine from the next. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
