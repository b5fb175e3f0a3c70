import { fileLine } from '../image-lines.js'
/**
 * What every site's image begins with: Debian's nginx, the fixed part of its configuration, and the two commands that a
 * plan uses, `install-site` while the image is built and `serve-site` in the app's container. All sites have it in common,
 * so Berth makes an image of it once a machine (`src/stacks/nginx`); any other Docker builds the stage as it stands here.
 */

/** The Debian packages. nginx's modules are built for one version of it, so all come from the same release. */
export const nginxPackages = 'nginx-light libnginx-mod-http-brotli-filter libnginx-mod-http-brotli-static'

/** What happens once they are there: no module and no site of Debian's but those that are asked for. */
export const nginxInstall = [
  'apt-get update -q',
  `apt-get install -qy --no-install-recommends ${nginxPackages}`,
  'rm -rf /etc/nginx/sites-* /etc/nginx/modules-enabled/*echo* /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*',
].join(' && ')

/** Types that are worth compressing; fonts and pictures come compressed. */
const compressible = [
  'application/atom+xml application/javascript application/json application/ld+json application/manifest+json',
  'application/rss+xml application/wasm application/xhtml+xml application/xml font/otf font/ttf image/svg+xml',
  'image/x-icon text/css text/csv text/markdown text/plain text/xml',
].join(' ')

/**
 * `/etc/nginx/site.conf`, written for each site, has the maps and the one server. A file's ETag is its time and its length:
 * `install-site` may derive the time from the content, so it says nothing as a date. The image never changes under a server,
 * so what is known of its files may be kept.
 */
const base = `daemon off;
pid /tmp/nginx/pid;
error_log stderr warn;
worker_shutdown_timeout 9s;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 4096; }
http {
  include /etc/nginx/mime.types;
  types {
    application/javascript mjs;
    application/manifest+json webmanifest;
    font/otf otf;
    font/ttf ttf;
    text/csv csv;
    text/markdown md;
  }
  default_type application/octet-stream;
  charset utf-8;
  charset_types application/javascript application/json application/manifest+json application/rss+xml application/xml image/svg+xml text/css text/csv text/markdown text/plain text/xml;
  log_format site '$http_x_forwarded_for "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
  access_log /dev/stdout site;
  client_body_temp_path /tmp/nginx/body;
  fastcgi_temp_path /tmp/nginx/fastcgi;
  proxy_temp_path /tmp/nginx/proxy;
  scgi_temp_path /tmp/nginx/scgi;
  uwsgi_temp_path /tmp/nginx/uwsgi;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 75s;
  server_tokens off;
  absolute_redirect off;
  if_modified_since off;
  open_file_cache max=10000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  variables_hash_max_size 4096;
  map_hash_bucket_size 256;
  gzip on;
  gzip_comp_level 5;
  gzip_min_length 256;
  gzip_proxied any;
  gzip_static on;
  gzip_vary on;
  gzip_types ${compressible};
  brotli on;
  brotli_comp_level 4;
  brotli_min_length 256;
  brotli_static on;
  brotli_types ${compressible};
  # a $ that begins no variable
  geo $dollar { default "$"; }
  # the path as it was asked for, without its query: what goes into a Location must stay encoded
  map $request_uri $path {
    "~^/*(?<asked>/[^?]*)" $asked;
    default /;
  }
  map $request_uri $bare_path {
    "~^/*(?<asked_bare>/[^?]*?)/+([?]|$)" $asked_bare;
    default /;
  }
  map $http_x_forwarded_proto $outer_scheme {
    https https;
    default http;
  }
  map $uri $bare {
    volatile;
    "~^(?<bare_file>.+?)/+$" $bare_file;
    default "";
  }
  # whether a person goes to a page: no ending, and a page is what is wanted
  map "$http_sec_fetch_mode|$http_accept|$uri" $navigates {
    volatile;
    "~^(navigate)?\\|([^|]*(text/html|[*]/[*])[^|]*)?\\|/(.*/)?[^/.]*$" yes;
    default "";
  }
  # names that change with their content: a hash in hexadecimal, or where bundlers put them
  map "$status $uri" $cache {
    volatile;
    "~^(200|206|304) .*[.-](?=[0-9]*[a-f])[0-9a-f]{8,}([.][a-z0-9]+)+$" "public, max-age=31536000, immutable";
    "~^(200|206|304) (/.*)?/(_next/static|_app/immutable)/" "public, max-age=31536000, immutable";
    "~^(200|206|304) (/.*)?/(assets|_astro)/(.*/)?[^/]*[.-](?=[0-9_-]*[A-Za-z])(?=[a-z_-]*[0-9]|[A-Za-z0-9_-]+[A-Z])[A-Za-z0-9_-]{8}([.][a-z0-9]+)+$" "public, max-age=31536000, immutable";
    default no-cache;
  }
  include /etc/nginx/site.conf;
}
`

/** Included by each site's server. Pages come before folders of their name, as other hosts of static sites have it. */
const server = `include /tmp/nginx/listen.conf;
include /tmp/nginx/auth.conf;
root /srv/site;
index index.html index.htm;
add_header X-Content-Type-Options nosniff always;
add_header Last-Modified "";
if ($hidden) { return 404; }
set $page "";
if (-f $document_root$bare.html) { set $page beside; }
if (-f $document_root$bare/index.html) { set $page ""; }
if ($page) { return 308 $bare_path$is_args$args; }
error_page 403 = @missing;
recursive_error_pages on;
log_not_found off;
location / { try_files $uri $uri.html $uri/ @missing; }
`

/** Copies a built site to where it is served from. Of one piece: each program that a build starts is time of a push. */
const install = `#!/usr/bin/perl
# install-site [directory]: makes a site ready to be served; copies it from a directory first. nginx makes an ETag of a
# file's length and its time in seconds. Two versions of one second would have the same: a file that new gets a time from
# its content. What is copied always does, as what a build makes is all new. The others are as COPY has them, which
# writes only what has changed.
use strict;
use warnings;
use Cwd 'abs_path';
my ($site, $from) = ('/srv/site', @ARGV);
if (defined $from) {
  -d $site or mkdir $site or die "$site: $!\\n";
  system('cp', '-RP', "$from/.", "$site/") == 0 or die "the site cannot be copied\\n";
}
chdir $site or die "$site: $!\\n";
chmod 0755, '.' if ((stat '.')[2] & 0555) != 0555;
my ($top, @files) = (abs_path('.'));
my @left = ('.');
while (defined(my $directory = pop @left)) {
  opendir my $open, $directory or die "$directory: $!\\n";
  for my $path (map { "$directory/$_" } grep { !/^[.]{1,2}$/ } readdir $open) {
    my ($mode, $time) = (lstat $path)[2, 9];
    if (-l _) {
      next if -e $path && index((abs_path($path) // '') . '/', "$top/") == 0;
      print "$path leads out of the site: it is left out\\n";
      unlink $path or die "$path: $!\\n";
    } elsif (-d _) {
      chmod $mode & 07777 | 0555, $path if ($mode & 0555) != 0555;
      push @left, $path;
    } elsif (-f _) {
      chmod $mode & 07777 | 0444, $path if ($mode & 0444) != 0444;
      push @files, $path if defined $from || $time > time - 3;
    }
  }
}
while (my @some = splice @files, 0, 500) {
  open my $sums, '-|', 'sha256sum', '-z', '--', @some or die "sha256sum: $!\\n";
  local $/ = "\\0";
  while (<$sums>) {
    my ($time, $file) = /^(.{8}).{58}(.*)\\0$/s or die "sha256sum said $_\\n";
    utime hex $time, hex $time, $file or die "$file: $!\\n";
  }
  close $sums or die "the files of the site cannot be read\\n";
}
`

/** Writes what is known at the start only, and becomes nginx. */
const serve = `#!/bin/sh
# serve-site: serves /srv/site on $PORT. BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD (plain or hashed) protect it.
set -eu
number() { case $2 in '' | *[!0-9]*) echo "$1 is not a number: $2" >&2; exit 1 ;; esac; }
port=\${PORT:-8080}
workers=\${WEB_CONCURRENCY:-1}
number PORT "$port"
number WEB_CONCURRENCY "$workers"
[ -d /tmp/nginx ] || mkdir /tmp/nginx
echo "listen $port;" >/tmp/nginx/listen.conf
[ ! -e /tmp/nginx/users ] || rm /tmp/nginx/users
: >/tmp/nginx/auth.conf
if [ -n "\${BASIC_AUTH_USERNAME:-}" ] && [ -n "\${BASIC_AUTH_PASSWORD:-}" ]; then
  case $BASIC_AUTH_PASSWORD in
    '$'* | '{'*) hash=$BASIC_AUTH_PASSWORD ;;
    *) hash={SHA}$(printf %s "$BASIC_AUTH_PASSWORD" | sha1sum | perl -ne 'print pack "H40", $_' | base64) ;;
  esac
  printf '%s:%s\\n' "$BASIC_AUTH_USERNAME" "$hash" >/tmp/nginx/users
elif [ -f /etc/nginx/site.users ]; then
  cat /etc/nginx/site.users >/tmp/nginx/users
elif [ -n "\${SITE_AUTH:-}" ]; then
  echo 'static.json asks for basic_auth: set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD' >&2
  exit 1
fi
[ ! -f /tmp/nginx/users ] || echo 'auth_basic "Restricted"; auth_basic_user_file /tmp/nginx/users;' >/tmp/nginx/auth.conf
exec nginx -e stderr -c /etc/nginx/nginx.conf -g "worker_processes $workers;" "$@"
`

/** The stage's files, by path. */
export const nginxFiles: Readonly<Record<string, string>> = {
  '/etc/nginx/nginx.conf': base,
  '/etc/nginx/site-server.conf': server,
  '/usr/local/bin/install-site': install,
  '/usr/local/bin/serve-site': serve,
}

/** The stage as a Dockerfile has it. */
export const nginxStage = [
  'FROM debian:bookworm-slim',
  `RUN ${nginxInstall}`,
  ...Object.entries(nginxFiles).map(([path, text]) => fileLine(path, text)),
].join('\n')
