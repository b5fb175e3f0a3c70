import { asTable, asTables, type TomlTable } from '../../lib/toml.js'
import { normalized } from './requirements.js'

/**
 * The packages of a lock file that have no wheel for this kind of machine, so that they are compiled when they are installed.
 * @param minor of the Python, 11 for 3.11
 */
export function sourceOnly(packages: readonly TomlTable[], minor: number): string[] {
  return packages.flatMap((one) => {
    const { name } = one
    // uv: wheels; Poetry and PDM: files
    const files = [...asTables(one.wheels), ...asTables(one.files)]
      .map(({ file, url, filename }) => [filename, file, url].find((text) => typeof text === 'string') ?? '')
      .map((text) => decodeURIComponent(text.replace(/[?#].*$/, '').replace(/^.*\//, '')))
    const source = asTable(one.source)
    const archived = files.length > 0 || 'sdist' in one || 'git' in source || source.type === 'git'
    if (typeof name !== 'string' || !archived || files.some((file) => fits(file, minor))) return []
    return [normalized(name)]
  })
}

/** Whether a file is a wheel that installs here: `name-1.0-cp311-cp311-manylinux_2_17_x86_64.whl`. */
function fits(file: string, own: number): boolean {
  const [, python, abi, platform] = /-([^-]+)-([^-]+)-([^-]+)\.whl$/.exec(file) ?? []
  if (python === undefined || abi === undefined || platform === undefined) return false
  if (!platform.split('.').some((one) => one === 'any' || /^(?:many)?linux.*_x86_64$/.test(one))) return false
  return python.split('.').some((tag) => {
    const [, kind, minor] = /^(py|cp)3(\d*)$/.exec(tag) ?? []
    if (kind === undefined) return false
    if (kind === 'py' || abi === 'abi3') return minor === '' || Number(minor) <= own
    return Number(minor) === own
  })
}
