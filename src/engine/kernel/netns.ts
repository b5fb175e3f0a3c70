import { inNamespace } from './namespace.js'

/** Where a process's network namespace is found. */
export const netnsOf = (pid: number): string => `/proc/${pid}/ns/net`

/** Runs `use` in the network namespace at `path`. @throws as inNamespace */
export const inNetns = <T>(path: string, use: () => T): T => inNamespace(path, 'net', use)
