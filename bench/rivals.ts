import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A reverse proxy of Debian's that the router is measured beside: it forwards every request to one app. */
export interface Rival {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

/** Where a rival listens, where it forwards to, and a directory for its files. */
export interface RivalPlace {
  readonly dir: string
  readonly port: number
  readonly appPort: number
  /** For HTTPS. */
  readonly securePort: number
  /** PEM files. */
  readonly chain: string
  readonly key: string
  /** Both in one, as HAProxy wants them. */
  readonly pair: string
}

const nginx = ({ dir, port, appPort, securePort, chain, key }: RivalPlace): string => `
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 65536; pid ${dir}/nginx.pid; error_log /dev/null;
events { worker_connections 30000; }
http {
  access_log off; keepalive_requests 1000000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${dir}/${one};`).join(' ')}
  upstream app { server 127.0.0.1:${appPort}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${securePort} ssl http2; ssl_certificate ${chain}; ssl_certificate_key ${key};
    client_max_body_size 0; http2_max_requests 1000000000;
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-Id $request_id;
    }
  }
}
`

const haproxy = ({ port, appPort, securePort, pair }: RivalPlace): string => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend in
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${securePort} ssl crt ${pair} alpn h2,http/1.1
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  default_backend app
backend app
  http-reuse always
  server app 127.0.0.1:${appPort}
`

const caddy = ({ port, appPort, securePort, chain, key }: RivalPlace): string => `
{
  admin off
  auto_https off
}
http://:${port} {
  reverse_proxy 127.0.0.1:${appPort}
}
https://:${securePort} {
  tls ${chain} ${key}
  reverse_proxy 127.0.0.1:${appPort}
}
`

const installed = (command: string): boolean => {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const kinds = {
  nginx: { text: nginx, args: (file: string) => ['-c', file] },
  haproxy: { text: haproxy, args: (file: string) => ['-db', '-f', file] },
  caddy: { text: caddy, args: (file: string) => ['run', '--adapter', 'caddyfile', '--config', file] },
} as const

/** A rival of this name, its configuration written; undefined when it is not installed. */
export async function makeRival(name: keyof typeof kinds, place: RivalPlace): Promise<Rival | undefined> {
  if (!installed(name)) return undefined
  const { text, args } = kinds[name]
  const file = join(place.dir, `${name}.conf`)
  await writeFile(file, text(place))
  return { name, command: name, args: args(file) }
}
