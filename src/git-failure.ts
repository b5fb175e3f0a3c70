import { BerthError } from './errors.js'

type Rule = readonly [RegExp, (found: string, port: string, url: string) => readonly [message: string, hint: string]]

/** What the words that git prints mean to a person, and what they can do. */
const rules: readonly Rule[] = [
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

const lookAtUrl = 'look at the URL, and at how this machine reaches it: `git ls-remote URL` says the same'

/** The same of a repository that is not Berth's: nothing that is said of Berth helps there. */
const rulesElsewhere: readonly Rule[] = [
  ...rules.filter(([pattern]) => /proxy|certificate/.test(pattern.source)),
  [
    /Could not resolve host(?:name)?:? ([^\s;:]+)/i,
    (host) => [`the name ${host} does not resolve on this machine`, lookAtUrl],
  ],
  [
    /(?:Failed|Couldn't) to? ?connect to (\S+?)(?: port (\d+))?[ :]|ssh: connect to host (?:\S+) port/,
    (host, port, url) => [
      host ? `nothing answers at ${host}${port ? `, port ${port}` : ''}` : `nothing answers at ${url}`,
      lookAtUrl,
    ],
  ],
  [
    /(Authentication failed|could not read (?:Username|Password)|returned error: 40[13])/,
    (_, __, url) => [
      `${url} wants a user and a password that git here does not know, or is not there`,
      'git asks its credential helpers (gitcredentials(7)): `git ls-remote URL` must work on this machine',
    ],
  ],
  [
    /(Permission denied \(publickey)/,
    (_, __, url) => [
      `${url} refuses the SSH keys of this machine`,
      'add one of ~/.ssh/*.pub there, or use the https:// URL',
    ],
  ],
  [
    /(Host key verification failed)/,
    (_, __, url) => [
      `the host of ${url} is not known to ssh here, or shows another key than it did`,
      '`ssh` to it once, and compare what it shows with what its owner publishes',
    ],
  ],
  [
    /(?:couldn't find remote ref|Remote branch) (\S+)/i,
    (ref, _, url) => [`${url} has no branch and no tag ${ref}`, '`git ls-remote URL` lists those that there are'],
  ],
  [
    /(repository '?[^'\n]*'? not found|Repository not found|does not appear to be a git repository|returned error: 404)/i,
    (_, __, url) => [`there is no repository at ${url}, or it is not for you`, lookAtUrl],
  ],
]

/** What git says after what matters. */
const afterwards =
  /Could not read from remote repository|Please make sure you have the correct access rights|and the repository exists/

/** `push` of `-c credential.helper=… push …`. */
export function gitSubcommand(args: readonly string[]): string {
  const first = args.findIndex((arg, at) => !arg.startsWith('-') && args[at - 1] !== '-c' && args[at - 1] !== '-C')
  return args[first] ?? ''
}

/**
 * A git command that failed, in words for a person.
 * @param code its exit code, the signal that ended it, or the error code of a git that could not be started
 * @param stderr what it said
 * @param elsewhere the repository that it spoke to, for a person, where that is not Berth's
 */
export function gitFailure(
  args: readonly string[],
  code: number | string | null,
  stderr: string,
  elsewhere?: string,
): BerthError {
  if (code === 'ENOENT') return new BerthError('broken', 'git is not installed here', 'apt-get install git')
  for (const [pattern, words] of elsewhere === undefined ? rules : rulesElsewhere) {
    const [whole, found = '', port = ''] = pattern.exec(stderr) ?? []
    if (whole !== undefined) return new BerthError('broken', ...words(found, port, elsewhere ?? ''))
  }
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !afterwards.test(line))
  const said = lines.findLast((line) => /^(fatal|error): /.test(line)) ?? lines.at(-1)
  const reason =
    said === undefined ? `it ended with ${String(code)} and said nothing` : said.replace(/^(fatal|error): /, '')
  return new BerthError('broken', `git ${gitSubcommand(args)} failed: ${reason}`)
}
