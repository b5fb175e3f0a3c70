import { BerthError } from '../../errors.js'
import type { Composer } from './composer.js'

/** Extensions that are there: of PHP itself, of Debian's php-common, and of the packages that every image has. */
const there = new Set(
  [
    'core date filter hash json libxml openssl pcre pcntl random reflection session sodium spl standard zlib',
    'calendar ctype exif ffi fileinfo ftp gettext iconv pdo phar posix readline shmop sockets sysvmsg sysvsem sysvshm tokenizer',
    'curl dom mbstring mysqli mysqlnd opcache zend-opcache pdo_mysql pdo_pgsql pdo_sqlite pgsql simplexml sqlite3 xml xmlreader xmlwriter xsl',
  ]
    .join(' ')
    .split(' '),
)

/** Debian's packages that have the name of their extension: `php8.2-gd`. */
const packaged = new Set(
  [
    'amqp apcu ast bcmath bz2 dba ds enchant gd gearman gmagick gmp gnupg http igbinary imagick imap intl ldap mailparse maxminddb',
    'mcrypt memcache memcached mongodb msgpack oauth odbc pcov pspell psr raphf redis rrd snmp soap solr ssh2 stomp tidy uopz',
    'uploadprogress uuid xdebug xmlrpc yac yaml zip zmq',
  ]
    .join(' ')
    .split(' '),
)
const elsewhere: Readonly<Record<string, string>> = {
  pdo_dblib: 'sybase',
  interbase: 'interbase',
  pdo_firebird: 'interbase',
  pdo_odbc: 'odbc',
  pecl_http: 'http',
}

/** What a line of PHP has no more of those. */
const gone: Readonly<Record<string, readonly string[]>> = { '8.4': ['imap'] }

/** The config var that names more extensions, as on Railpack. */
export const extensionsVariable = 'PHP_EXTENSIONS'

/**
 * Debian's packages of the extensions that an app asks for: in composer.json, by the packages that it locks, and by a config
 * var. What a package of the lock file stands in for (symfony/polyfill-…) is not asked of Debian.
 * @throws BerthError `invalid` naming one that Debian does not have
 */
export function extensionPackages(composer: Composer | null, asked: string, version: string): string[] {
  const provided = new Set(composer?.locked.flatMap(({ provides }) => provides))
  const wanted = [
    ...asked
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean)
      .map((name) => ({ name: name.replace(/^ext-/, ''), by: extensionsVariable })),
    ...(composer?.extensions ?? []).map((name) => ({ name, by: 'composer.json' })),
    ...(composer?.locked ?? []).flatMap(({ name: by, extensions }) =>
      extensions.filter((name) => !provided.has(name)).map((name) => ({ name, by: `composer.lock: ${by}` })),
    ),
  ].filter(({ name }) => !there.has(name))
  const packages = wanted.map(({ name, by }) => {
    const own =
      gone[version]?.includes(name) === true
        ? undefined
        : packaged.has(name)
          ? name
          : Object.hasOwn(elsewhere, name)
            ? elsewhere[name]
            : undefined
    if (own !== undefined) return `php${version}-${own}`
    throw new BerthError(
      'invalid',
      `${by} asks for the PHP extension ${name.replace(/[^\w.-]/g, '?').slice(0, 60)}, and Debian has no package of it for PHP ${version}`,
      `do without it, or bring a Dockerfile that installs it; Debian has ${
        [...packaged]
          .filter((one) => one !== name && one.startsWith(name.slice(0, 1)))
          .slice(0, 6)
          .join(', ') || 'gd, intl, redis, zip'
      } and others`,
    )
  })
  return [...new Set(packages)].sort()
}
