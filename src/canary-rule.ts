import { isHeaderValue, isSettable } from './routing-rules.js'

/** Which requests go to the canary release of an app, beside those that go to the release that it runs. */
export interface CanaryRule {
  /** When it began, RFC 3339: tells one canary of an app from the next. */
  readonly since: string
  /** Of clients; none where it is 0. */
  readonly percent: number
  /** Every request that says this. */
  readonly header?: CanaryHeader
}

/** A line of a request's head. */
export interface CanaryHeader {
  /** Lower case. */
  readonly name: string
  /** The whole value. */
  readonly value: string
}

/** What a canary may say: some of its clients go elsewhere. */
export const isPercent = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 100

/** The router says these itself, or takes them away; credentials and cookies are kept nowhere in the clear. */
const unfit = /^(?:expect|cookie|authorization|forwarded|x-real-ip|proxy)$/

/** Whether requests may be told by a header. */
export const isCanaryHeader = ({ name, value }: CanaryHeader): boolean =>
  isSettable(name) && !unfit.test(name) && value !== '' && value === value.trim() && isHeaderValue(value)

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Whether a value is a rule in every field. */
export const isCanaryRule = (value: unknown): value is CanaryRule =>
  isObject(value) &&
  typeof value.since === 'string' &&
  (value.percent === 0 || isPercent(value.percent)) &&
  (value.header === undefined ||
    (isObject(value.header) &&
      typeof value.header.name === 'string' &&
      typeof value.header.value === 'string' &&
      isCanaryHeader(value.header as unknown as CanaryHeader)))
