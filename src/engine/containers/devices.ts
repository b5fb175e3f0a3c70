import { statSync, type Stats } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Device, DeviceRule } from '../runtime/sandbox.js'
import type { ResourceLimits, Throttle } from '../records.js'
import { rateNames, type Resources, type RunSpec, type ThrottleRequest } from './run-spec.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** makedev(3) */
const numbersOf = ({ rdev }: Stats): { major: number; minor: number } => ({
  major: ((rdev >> 8) & 0xfff) | Number((BigInt(rdev) >> 32n) & ~0xfffn),
  minor: (rdev & 0xff) | ((rdev >> 12) & ~0xff),
})

/** `--device`s. @throws EngineError `invalid` */
export function devicesOf({ devices }: Pick<RunSpec, 'devices'>): Device[] {
  return devices.map(({ hostPath, path, access }) => {
    const node = statSync(hostPath, { throwIfNoEntry: false })
    if (!node || !(node.isCharacterDevice() || node.isBlockDevice()))
      throw invalid(
        `error gathering device information while adding custom device "${hostPath}": ` +
          (node ? 'not a device node' : 'no such file or directory'),
      )
    return {
      path: path || hostPath,
      type: node.isBlockDevice() ? 'b' : 'c',
      ...numbersOf(node),
      mode: node.mode & 0o777,
      access: access || 'rwm',
    }
  })
}

/** `--device-cgroup-rule`s: `c 1:3 rwm`, either number may be `*`. @throws EngineError `invalid` */
export function deviceRulesOf({ deviceRules }: Pick<RunSpec, 'deviceRules'>): DeviceRule[] {
  return deviceRules.map((rule) => {
    const [, type, major, minor, access = ''] = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule) ?? []
    if (type === undefined) throw invalid(`invalid device cgroup rule format: '${rule}'`)
    return {
      type: type as DeviceRule['type'],
      ...(major === '*' ? {} : { major: Number(major) }),
      ...(minor === '*' ? {} : { minor: Number(minor) }),
      access,
    }
  })
}

/** The block devices that are throttled. @throws EngineError `invalid` for one that is not there */
export function throttlesOf({
  blkioWeights,
  blkioRates,
}: Resources): Partial<Pick<ResourceLimits, 'blkioWeights' | 'blkioRates'>> {
  const read = (requests: readonly ThrottleRequest[]): Throttle[] =>
    requests.map(({ path, value }) => {
      const node = statSync(path, { throwIfNoEntry: false })
      if (!node) throw invalid(`stat ${path}: no such file or directory`)
      if (!node.isBlockDevice()) throw invalid(`cannot throttle ${path}: it is not a block device`)
      return { ...numbersOf(node), value }
    })
  const weights = read(blkioWeights)
  const [readBps = [], writeBps = [], readIops = [], writeIops = []] = rateNames.map((name) => read(blkioRates[name]))
  const some = [readBps, writeBps, readIops, writeIops].some(({ length }) => length > 0)
  return {
    ...(weights.length > 0 ? { blkioWeights: weights } : {}),
    ...(some ? { blkioRates: { readBps, writeBps, readIops, writeIops } } : {}),
  }
}
