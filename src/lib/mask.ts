/** Names whose values are nobody's business, whoever prints them. */
const secretName = /KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|DSN|_UR[IL]$/i

/** A shorter value is too likely to be ordinary text. */
export const shortestSecret = 6

/** Values that are words of every log. */
const plain = new Set(
  [
    ...['disabled', 'enabled', 'default', 'production', 'development', 'staging', 'testing', 'release'],
    ...['master', 'public', 'private', 'secret', 'password', 'postgres', 'localhost', 'undefined', 'required'],
  ].flatMap((word) => [word, word.toUpperCase()]),
)
/** `8080`, `120000`: a number that is no key. */
const small = /^\d{1,9}$/
/** An address that holds nothing but a place. */
const place = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@]+\/?$/i

/** Whether a value, or a line of one, is told apart from ordinary text. */
const isTelling = (text: string): boolean =>
  text.length >= shortestSecret && !plain.has(text) && !small.test(text) && !place.test(text)

/** A value as it is, its lines (a log is written by lines), the password of a URL, and what it is when it is written otherwise. */
function formsOf(value: string): string[] {
  const lines = value.split('\n').map((line) => line.trim())
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/?#:@]*:([^/?#@]+)@/i.exec(value)?.[1] ?? ''
  return isTelling(value)
    ? [value, ...lines, password, encoded(value), Buffer.from(value).toString('base64').replace(/=+$/, '')]
    : [...lines, password]
}

/** In a URL; as it is where it cannot be. */
const encoded = (value: string): string => (value.isWellFormed() ? encodeURIComponent(value) : value)

/**
 * The values of config vars that no log shows, longest first: of those that builds alone have, and of those whose names say that
 * they are secret.
 * @param reach who alone has them
 */
export const secretsOf = (
  config: Readonly<Record<string, string>>,
  reach: Readonly<Record<string, string>> = {},
): string[] => {
  const secret = Object.entries(config).filter(([name]) => secretName.test(name) || isOfBuilds(reach, name))
  const forms = secret.flatMap(([, value]) => formsOf(value)).filter(isTelling)
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}

const isOfBuilds = (reach: Readonly<Record<string, string>>, name: string): boolean =>
  Object.hasOwn(reach, name) && reach[name] === 'build'

/** Text without secrets: longest first, for one may be part of another. */
export const masked = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((covered, secret) => covered.replaceAll(secret, '[secret]'), text)
