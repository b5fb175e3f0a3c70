import { BerthError } from './errors.js'

/** What the words that git prints mean to a person, and what they can do. */
const rules: readonly (readonly [RegExp, (found: string, port: string) => readonly [message: string, hint: string]])[] =
  [
    [
      /Could not resolve proxy: ([^\s;]+)/,
      (proxy) => [
        `the proxy ${proxy}, which the environment names, does not resolve`,
        'unset http_proxy, or name in no_proxy what is reached without it',
      ],
    ],
    [
      /Could not resolve host(?:name)?:? ([^\s;:]+)/i,
      (host) => [
        `the name ${host} does not resolve on this machine`,
        `give it a DNS record, or a line in /etc/hosts: 127.0.0.1 ${host}`,
      ],
    ],
    [
      /(?:Failed|Couldn't) to? ?connect to (\S+?)(?: port (\d+))?[ :]/,
      (host, port) => [
        `nothing answers at ${host}${port === '' ? '' : `, port ${port}`}`,
        'is Berth running there, and does a firewall or a proxy stand between?',
      ],
    ],
    [
      /(Authentication failed|could not read (?:Username|Password))/,
      () => [
        'the token that git has was not taken',
        '`berth git:remote -a APP`, in the repository, gives git the token that `bin/up` made',
      ],
    ],
    [
      /(SSL certificate problem|server certificate verification failed)[^\n]*/,
      () => [
        'the certificate of the server is not one that git trusts',
        'trust its issuer on this machine (git config http.sslCAInfo FILE), or use http://',
      ],
    ],
  ]

/** `push` of `-c credential.helper=… push …`. */
export function gitSubcommand(args: readonly string[]): string {
  const first = args.findIndex((arg, at) => !arg.startsWith('-') && args[at - 1] !== '-c' && args[at - 1] !== '-C')
  return args[first] ?? ''
}

/**
 * A git command that failed, in words for a person.
 * @param code its exit code, the signal that ended it, or the error code of a git that could not be started
 * @param stderr what it said
 */
export function gitFailure(args: readonly string[], code: number | string | null, stderr: string): BerthError {
  if (code === 'ENOENT') return new BerthError('broken', 'git is not installed here', 'apt-get install git')
  for (const [pattern, words] of rules) {
    const [whole, found = '', port = ''] = pattern.exec(stderr) ?? []
    if (whole !== undefined) return new BerthError('broken', ...words(found, port))
  }
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const said = lines.findLast((line) => /^(fatal|error): /.test(line)) ?? lines.at(-1)
  const reason =
    said === undefined ? `it ended with ${String(code)} and said nothing` : said.replace(/^(fatal|error): /, '')
  return new BerthError('broken', `git ${gitSubcommand(args)} failed: ${reason}`)
}
