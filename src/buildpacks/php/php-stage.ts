import { debianPhps, type DebianPhp } from './version.js'
import { addUser, fileLine } from '../image-lines.js'

/**
 * What the images of PHP apps begin with: Debian's php-fpm and nginx, and two programs: `serve-php`, which is an app's web
 * process, and `php-process`, which runs all others. All apps have it in common, so Berth makes an image of it once a machine
 * (`src/stacks/php`); any other Docker builds the stage as it stands here.
 */

/** Extensions that plain PHP apps use without saying so: their packages. */
const usual = ['curl', 'mbstring', 'mysql', 'opcache', 'pgsql', 'sqlite3', 'xml']

/** What puts the packages there. Debian's php-fpm wants a part of systemd, and takes all of it where the part is not named. */
const install = (line: string): string =>
  [
    'apt-get update -q',
    `apt-get install -qy --no-install-recommends ca-certificates nginx-light systemd-standalone-tmpfiles ${['cli', 'fpm', ...usual].map((name) => `php${line}-${name}`).join(' ')}`,
    'rm -rf /etc/nginx/sites-* /etc/nginx/modules-enabled/* /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*',
    addUser,
  ].join(' && ')

/** For php-fpm and for programs alike. Debian has sessions cleaned by cron, which no container runs. */
const ini = `expose_php = Off
variables_order = EGPCS
display_errors = Off
log_errors = On
error_log = /dev/stderr
post_max_size = 64M
upload_max_filesize = 64M
session.save_path = /tmp
session.gc_probability = 1
`

const compressible = [
  'application/javascript application/json application/ld+json application/manifest+json application/rss+xml',
  'application/xml font/otf font/ttf image/svg+xml text/css text/csv text/markdown text/plain text/xml',
].join(' ')

/**
 * The name of the upstream is Heroku's: files for its `-C` name it. The router is the only one who asks, and the last
 * address of X-Forwarded-For is the one that it saw, and the host is the one that it went by: with its port, which Debian's
 * fastcgi_params leave out. try_files forgets what is behind the script's name.
 */
const nginx = `daemon off;
pid /tmp/php/nginx.pid;
error_log stderr warn;
worker_shutdown_timeout 9s;
events { worker_connections 4096; }
http {
  include /etc/nginx/mime.types;
  types {
    application/javascript mjs;
    application/manifest+json webmanifest;
    font/otf otf;
    font/ttf ttf;
  }
  default_type application/octet-stream;
  charset utf-8;
  log_format app '$http_x_forwarded_for "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
  access_log /dev/stdout app;
  client_max_body_size 64m;
  client_body_temp_path /tmp/php/body;
  fastcgi_temp_path /tmp/php/fastcgi;
  proxy_temp_path /tmp/php/proxy;
  scgi_temp_path /tmp/php/scgi;
  uwsgi_temp_path /tmp/php/uwsgi;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 75s;
  server_tokens off;
  absolute_redirect off;
  log_not_found off;
  gzip on;
  gzip_comp_level 5;
  gzip_min_length 256;
  gzip_proxied any;
  gzip_vary on;
  gzip_types ${compressible};
  set_real_ip_from 0.0.0.0/0;
  set_real_ip_from ::/0;
  real_ip_header X-Forwarded-For;
  map $http_x_forwarded_proto $outer_https {
    https on;
    default "";
  }
  upstream heroku-fcgi { server unix:/tmp/php/fpm.sock; }
  server {
    include /tmp/php/listen.conf;
    index index.php index.html index.htm;
    location ~ /[.](?!well-known(/|$)) { return 404; }
    location ~ ^/(auth[.]json|composer[.](json|lock)|package(-lock)?[.]json|Procfile)$ { return 404; }
    location ~ ^/(vendor|node_modules)/.*[.]php(/|$) { return 404; }
    location ~ [^/][.]php(/|$) {
      fastcgi_split_path_info ^(.+?[.]php)(/.*)$;
      set $after_script $fastcgi_path_info;
      try_files $fastcgi_script_name =404;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param PATH_INFO $after_script;
      fastcgi_param SERVER_NAME $host;
      fastcgi_param HTTP_HOST $http_host;
      fastcgi_param HTTPS $outer_https if_not_empty;
      fastcgi_param HTTP_PROXY "";
      fastcgi_buffer_size 32k;
      fastcgi_buffers 16 16k;
      fastcgi_read_timeout 300s;
      fastcgi_pass heroku-fcgi;
    }
    include /tmp/php/site.conf;
  }
}
`

/** What `serve-php` is told: what it includes, and the document root, checked for what nginx takes. */
const serveOptions = `#!/bin/bash
# serve-php [-C nginx-include] [-F fpm-include] [-i php.ini] [document-root]: serves /app/<document-root> on $PORT by nginx and
# php-fpm, until one of them ends, or SIGUSR1 or SIGTERM asks both to: nginx first, so that it gets its answers.
set -m
fail() { echo "serve-php: $*" >&2; exit 1; }
include= pool= ini=
while getopts C:F:c:f:i:l:p:t:v option; do
  case $option in
    C) include=$OPTARG ;;
    F) pool=$OPTARG ;;
    i) ini=$OPTARG ;;
    v) ;;
    ?) [ "$option" != '?' ] || exit 2; echo "serve-php: -$option is not used here" >&2 ;;
  esac
done
shift $((OPTIND - 1))
root=/app/\${1:-}
while [ "\${root%/}" != "$root" ]; do root=\${root%/}; done
[ -d "$root" ] || fail "the document root \${1:-} is no directory"
for file in "$include" "$pool" "$ini"; do [ -z "$file" ] || [ -f "$file" ] || fail "there is no $file"; done
for file in "$root" "$include" "$pool"; do case $file in *[!A-Za-z0-9._/@+-]*) fail "a name that nginx would not take: $file" ;; esac; done
port=\${PORT:-8080}
case $port in *[!0-9]*) fail "PORT is not a number: $port" ;; esac
`

/** As many processes of PHP as its memory is for, 128 MiB each, unless WEB_CONCURRENCY says how many. */
const workers = `if [ -z "\${WEB_CONCURRENCY:-}" ]; then
  memory=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null)
  # a limit that is none is the word max, or all that a number holds
  case $memory in *[!0-9]* | '' | ???????????????*) memory=$((4 * $(nproc) << 27)) ;; esac
  WEB_CONCURRENCY=$((memory >> 27))
  [ "$WEB_CONCURRENCY" -ge 1 ] || WEB_CONCURRENCY=1
  export WEB_CONCURRENCY
fi
case $WEB_CONCURRENCY in 0 | *[!0-9]*) fail "WEB_CONCURRENCY is not a number of processes: $WEB_CONCURRENCY" ;; esac
`

/** The configuration of nginx and of php-fpm. */
const serverFiles = `mkdir -p /tmp/php && rm -f /tmp/php/fpm.sock || exit 1
echo "listen $port; root $root;" >/tmp/php/listen.conf
if [ -n "$include" ]; then echo "include $(realpath "$include");"; else
  echo 'location / { try_files $uri $uri/ /index.php$is_args$args; }'
fi >/tmp/php/site.conf
cat >/tmp/php/fpm.conf <<FPM
[global]
daemonize = no
error_log = /proc/self/fd/2
log_level = warning
process_control_timeout = 9s
[app]
listen = /tmp/php/fpm.sock
pm = dynamic
pm.max_children = $WEB_CONCURRENCY
pm.start_servers = 1
pm.min_spare_servers = 1
pm.max_spare_servers = $((WEB_CONCURRENCY < 4 ? WEB_CONCURRENCY : 4))
clear_env = no
catch_workers_output = yes
decorate_workers_output = no
\${pool:+include = $(realpath "$pool")}
FPM
`

/**
 * The stop signal of the image is SIGUSR1, which comes to this program alone: nginx and php-fpm drop what they are doing on
 * a SIGTERM that everybody in the container gets. They are in process groups of their own for the same reason.
 */
const lifetime = (line: string): string => `asked=
trap 'asked=yes' USR1 TERM INT QUIT
php-fpm${line} -F -y /tmp/php/fpm.conf \${ini:+-c "$ini"} &
fpm=$!
# a socket that appears is nothing to wait on
until [ -S /tmp/php/fpm.sock ]; do kill -0 "$fpm" 2>/dev/null || fail 'php-fpm did not start'; sleep 0.01; done
nginx -e stderr -c /etc/nginx/nginx.conf &
nginx=$!
[ -n "$asked" ] || wait -n "$fpm" "$nginx"
code=$?
trap '' USR1 TERM INT QUIT
if [ -n "$asked" ]; then
  kill -QUIT "$nginx"
  wait "$nginx"
  kill -QUIT "$fpm"
  wait "$fpm"
  exit 0
fi
if kill -0 "$fpm" 2>/dev/null; then echo "nginx ended ($code)" >&2; else echo "php-fpm ended ($code)" >&2; fi
kill -TERM "$fpm" "$nginx" 2>/dev/null
wait
exit $((code == 0 ? 1 : code))
`

const serve = (line: string): string => [serveOptions, workers, serverFiles, lifetime(line)].join('')

const run = `#!/bin/bash
# php-process program [arguments]: runs it. It ends by SIGTERM, with all that it has started, where SIGUSR1 asks for it: the
# image's stop signal, which is for serve-php.
if [ "$1" = serve-php ] || [ -t 0 ]; then exec "$@"; fi
set -m
asked=
"$@" &
program=$!
trap 'asked=yes; kill -TERM -- "-$program" 2>/dev/null' USR1
while
  asked=
  wait "$program"
  code=$?
  [ -n "$asked" ]
do :; done
exit "$code"
`

/** What the images of a PHP begin with. */
export interface PhpStage {
  /** `8.2` */
  readonly line: string
  /** Codename of Debian's release. */
  readonly release: string
  /** The line for a shell that puts its packages there. */
  readonly install: string
  /** Its own files, by path. */
  readonly files: Readonly<Record<string, string>>
  /** As a Dockerfile has it; its name is `php`. */
  readonly text: string
}

function stageOf({ line, release }: DebianPhp): PhpStage {
  const files = {
    '/etc/nginx/nginx.conf': nginx,
    [`/etc/php/${line}/cli/conf.d/99-app.ini`]: ini,
    [`/etc/php/${line}/fpm/conf.d/99-app.ini`]: ini,
    '/usr/local/bin/php-process': run,
    '/usr/local/bin/serve-php': serve(line),
  }
  const lines = Object.entries(files).map(([path, text]) => fileLine(path, text))
  const text = [`FROM debian:${release}-slim AS php`, `RUN ${install(line)}`, ...lines].join('\n')
  return { line, release, install: install(line), files, text }
}

/** One for each PHP that Debian has, the usual one first. */
export const phpStages: readonly PhpStage[] = debianPhps.map(stageOf)

/** The stage of a line of PHP. */
export const phpStage = (line: string): string => phpStages.find((stage) => stage.line === line)?.text ?? ''
