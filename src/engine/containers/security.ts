import { EngineError } from '../errors.js'
import { profileOf } from '../runtime/seccomp-profile.js'
import type { RunSpec } from './run-spec.js'

/** What `--security-opt` comes to. */
export interface Security {
  /** The engine's own system call filter, none, or one the client sent, as its JSON. */
  readonly seccomp: 'default' | 'none' | { readonly profile: string }
  /** undefined when nothing was said of it. */
  readonly noNewPrivileges: boolean | undefined
}

const yes = ['1', 't', 'T', 'TRUE', 'true', 'True']
const no = ['0', 'f', 'F', 'FALSE', 'false', 'False']

/**
 * Reads Docker's `--security-opt`s. Labels and AppArmor profiles are taken and do nothing: this engine has neither.
 * @throws EngineError `invalid` for one nobody knows, or a profile that is none
 */
export function securityOf({ privileged, securityOptions }: Pick<RunSpec, 'privileged' | 'securityOptions'>): Security {
  let seccomp: Security['seccomp'] = privileged ? 'none' : 'default'
  let noNewPrivileges: boolean | undefined
  for (const option of securityOptions) {
    if (option === 'no-new-privileges') {
      noNewPrivileges = true
      continue
    }
    if (option === 'disable') continue
    const at = option.includes('=') ? option.indexOf('=') : option.indexOf(':')
    if (at < 0) throw invalid(`invalid --security-opt 1: "${option}"`)
    const [key, value] = [option.slice(0, at), option.slice(at + 1)]
    if (key === 'seccomp') seccomp = seccompOf(value)
    else if (key === 'no-new-privileges' && [...yes, ...no].includes(value)) noNewPrivileges = yes.includes(value)
    else if (key !== 'label' && key !== 'apparmor') throw invalid(`invalid --security-opt 2: "${option}"`)
  }
  return { seccomp, noNewPrivileges }
}

function seccompOf(value: string): Security['seccomp'] {
  if (value === 'unconfined') return 'none'
  if (value === '' || value === 'builtin') return 'default'
  profileOf(value, [])
  return { profile: value }
}

const invalid = (message: string): EngineError => new EngineError('invalid', message)
