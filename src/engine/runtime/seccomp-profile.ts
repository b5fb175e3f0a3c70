import { release } from 'node:os'
import { EngineError } from '../errors.js'

/** A condition of a rule in Docker's profile format. */
interface Filter {
  readonly caps?: readonly string[]
  readonly arches?: readonly string[]
  readonly minKernel?: string
}

interface ProfileRule {
  readonly name?: string
  readonly names?: readonly string[]
  readonly action?: string
  readonly errnoRet?: number
  readonly args?: readonly object[]
  readonly includes?: Filter
  readonly excludes?: Filter
}

interface Profile {
  readonly defaultAction?: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] }[]
  readonly syscalls?: readonly ProfileRule[]
}

const machines: Partial<Record<NodeJS.Architecture, readonly [arch: string, scmp: string]>> = {
  x64: ['amd64', 'SCMP_ARCH_X86_64'],
  arm64: ['arm64', 'SCMP_ARCH_AARCH64'],
}

/**
 * Turns a seccomp profile of Docker's format, as `--security-opt seccomp=<file>` sends it, into the `linux.seccomp` of an
 * OCI configuration: rules whose conditions this machine and these capabilities do not meet are left out.
 * @throws EngineError `invalid`
 */
export function profileOf(text: string, capabilities: readonly string[]): object {
  const profile = parse(text)
  const [arch = '', own = ''] = machines[process.arch] ?? []
  const mapped = (profile.archMap ?? []).find(({ architecture }) => architecture === own)
  const meets = ({ caps = [], arches = [], minKernel }: Filter): boolean =>
    caps.every((name) => capabilities.includes(name)) &&
    (arches.length === 0 || arches.includes(arch)) &&
    (minKernel === undefined || isAtLeast(minKernel))
  const denies = ({ caps = [], arches = [], minKernel }: Filter): boolean =>
    caps.some((name) => capabilities.includes(name)) ||
    arches.includes(arch) ||
    (minKernel !== undefined && isAtLeast(minKernel))
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped ? [own, ...(mapped.subArchitectures ?? [])] : (profile.architectures ?? []),
    syscalls: (profile.syscalls ?? [])
      .filter(({ includes = {}, excludes = {} }) => meets(includes) && !denies(excludes))
      .map(({ name, names = [], action, errnoRet, args = [] }) => ({
        names: name === undefined ? names : [name],
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args.length === 0 ? {} : { args }),
      })),
  }
}

function parse(text: string): Profile {
  const wrong = (why: string, cause?: unknown): EngineError =>
    new EngineError('invalid', `Decoding seccomp profile failed: ${why}`, cause)
  let profile: Profile | null
  try {
    profile = JSON.parse(text) as Profile | null
  } catch (error) {
    throw wrong((error as Error).message, error)
  }
  if (profile === null || typeof profile !== 'object' || typeof profile.defaultAction !== 'string')
    throw wrong('it names no defaultAction')
  if (profile.architectures?.length && profile.archMap?.length)
    throw wrong("both 'architectures' and 'archMap' are specified in the seccomp profile, use either one")
  const actions = [profile.defaultAction, ...(profile.syscalls ?? []).map(({ action }) => action ?? '')]
  const bad = actions.find((action) => !/^SCMP_ACT_[A-Z_]+$/.test(action))
  if (bad !== undefined) throw wrong(`"${bad}" is no action`)
  return profile
}

function isAtLeast(version: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(parseFloat)
  const [wantedMajor = 0, wantedMinor = 0] = version.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
