/** What a setting of an image's configuration may be; null stands for none. */
type SettingCheck = (value: unknown) => boolean

const isText: SettingCheck = (value) => typeof value === 'string' && !value.includes('\0')
const isFlag: SettingCheck = (value) => typeof value === 'boolean'
const isNumber: SettingCheck = (value) => Number.isFinite(value)
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts: SettingCheck = (value) => Array.isArray(value) && value.every(isText)
const isSet: SettingCheck = (value) =>
  isObject(value) && Object.entries(value).every(([key, one]) => isText(key) && (one === null || isObject(one)))
const isMap: SettingCheck = (value) => isObject(value) && Object.entries(value).every((pair) => pair.every(isText))
const isHealthcheck: SettingCheck = (value) =>
  isObject(value) && firstWrong(value, { Test: isTexts, ...fields(isNumber, timings) }) === undefined

const timings = ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries']
const fields = (kind: SettingCheck, names: readonly string[]): Readonly<Record<string, SettingCheck>> =>
  Object.fromEntries(names.map((name) => [name, kind]))

const settings: Readonly<Record<string, SettingCheck>> = {
  ...fields(isText, ['User', 'WorkingDir', 'StopSignal']),
  ...fields(isTexts, ['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild']),
  ...fields(isSet, ['ExposedPorts', 'Volumes']),
  Labels: isMap,
  ArgsEscaped: isFlag,
  Healthcheck: isHealthcheck,
}

const line: Readonly<Record<string, SettingCheck>> = {
  ...fields((value) => typeof value === 'string', ['created', 'created_by', 'comment', 'author']),
  empty_layer: isFlag,
}

function firstWrong(value: object, kinds: Readonly<Record<string, SettingCheck>>): string | undefined {
  const given = value as Readonly<Record<string, unknown>>
  return Object.keys(kinds).find((name) => given[name] != null && kinds[name]?.(given[name]) !== true)
}

/**
 * The first of an image's settings (image-spec v1.1 config.md, "config") that is not what it must be: from here on the
 * engine relies on them, and one bad image must not spoil the listing of all.
 */
export const wrongSetting = (config: object): string | undefined => firstWrong(config, settings)

/** The same of one line of its history. */
export const wrongInHistory = (entry: object): string | undefined => firstWrong(entry, line)

/** JSON.parse goes as deep as it is led, JSON.stringify runs out of stack: so deep no configuration is. */
const deepest = 32

export const isTooDeep = (value: unknown, left = deepest): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (left === 0 || Object.values(value).some((inside) => isTooDeep(inside, left - 1)))
