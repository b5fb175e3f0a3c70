import { statSync, type Stats } from 'node:fs'
import { EngineError } from '../errors.js'
import type { Device, DeviceRule } from '../runtime/sandbox.js'
import type { Limits, Throttle } from '../records.js'
import type { HostConfig } from './record.js'

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/** makedev(3) */
const numbersOf = ({ rdev }: Stats): { major: number; minor: number } => ({
  major: ((rdev >> 8) & 0xfff) | Number((BigInt(rdev) >> 32n) & ~0xfffn),
  minor: (rdev & 0xff) | ((rdev >> 12) & ~0xff),
})

/** `--device`s of a `HostConfig`. @throws EngineError `invalid` */
export function devicesOf(host: HostConfig): Device[] {
  const wanted = (host.Devices ?? []) as readonly Readonly<Record<string, string>>[]
  return wanted.map(({ PathOnHost = '', PathInContainer = '', CgroupPermissions }) => {
    const node = statSync(PathOnHost, { throwIfNoEntry: false })
    if (!node || !(node.isCharacterDevice() || node.isBlockDevice()))
      throw invalid(
        `error gathering device information while adding custom device "${PathOnHost}": ` +
          (node ? 'not a device node' : 'no such file or directory'),
      )
    return {
      path: PathInContainer || PathOnHost,
      type: node.isBlockDevice() ? 'b' : 'c',
      ...numbersOf(node),
      mode: node.mode & 0o777,
      access: CgroupPermissions || 'rwm',
    }
  })
}

/** `--device-cgroup-rule`s of a `HostConfig`: `c 1:3 rwm`, either number may be `*`. @throws EngineError `invalid` */
export function deviceRulesOf(host: HostConfig): DeviceRule[] {
  return ((host.DeviceCgroupRules ?? []) as readonly string[]).map((rule) => {
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

/** Fields of a `HostConfig` that hold the most a second from or to a device: bytes (`Bps`) or operations (`IOps`). */
export const rateNames = [
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
] as const

/** The block devices a `HostConfig` throttles. @throws EngineError `invalid` for one that is not there */
export function throttlesOf(host: HostConfig): Partial<Pick<Limits, 'blkioWeights' | 'blkioRates'>> {
  const read = (name: string, value: 'Rate' | 'Weight'): Throttle[] =>
    ((host[name] ?? []) as readonly { Path?: string; Rate?: number; Weight?: number }[]).map((wish) => {
      const path = wish.Path ?? ''
      const node = statSync(path, { throwIfNoEntry: false })
      if (!node) throw invalid(`stat ${path}: no such file or directory`)
      if (!node.isBlockDevice()) throw invalid(`cannot throttle ${path}: it is not a block device`)
      return { ...numbersOf(node), value: wish[value] ?? 0 }
    })
  const weights = read('BlkioWeightDevice', 'Weight')
  const [readBps = [], writeBps = [], readIops = [], writeIops = []] = rateNames.map((name) => read(name, 'Rate'))
  const some = [readBps, writeBps, readIops, writeIops].some(({ length }) => length > 0)
  return {
    ...(weights.length > 0 ? { blkioWeights: weights } : {}),
    ...(some ? { blkioRates: { readBps, writeBps, readIops, writeIops } } : {}),
  }
}
