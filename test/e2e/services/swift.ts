import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../free.js'
import { must } from '../../run.js'

/** Debian's OpenStack Swift on loopback, with its S3 API: it checks signatures, and tells wrong ones from right. */
export interface S3Server extends AsyncDisposable {
  /** `https://127.0.0.1:<port>`: by HTTP clients sign each chunk, which it does not take. */
  readonly url: string
  readonly accessKey: string
  readonly secretKey: string
  /** File with the certificate of its CA. */
  readonly ca: string
  /** Where its objects lie. */
  readonly objects: string
}

const servers = ['account', 'container', 'object'] as const

const storage = (kind: string, dir: string, port: number): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
devices = ${dir}/node
mount_check = false
swift_dir = ${dir}
user = root
workers = 0
log_level = WARNING
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`

const proxy = (dir: string, port: number, memcached: number): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
swift_dir = ${dir}
user = root
workers = 0
log_level = WARNING
cert_file = ${dir}/server.pem
key_file = ${dir}/server.key
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache s3api tempauth bulk slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcached}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = secret-of-a-test .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
`

export async function s3Server(): Promise<S3Server> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-swift-'))
  await mkdir(join(dir, 'node/disk'), { recursive: true })
  await writeFile(join(dir, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n')
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-nodes', '-days', '2', '-keyout', join(dir, 'server.key'), '-out', join(dir, 'server.pem')]
  await must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...made, ...names])
  const children: ChildProcess[] = []
  const begin = (kind: string): void => {
    const config = join(dir, `${kind}-server.conf`)
    children.push(spawn(`swift-${kind}-server`, [config, '-v'], { stdio: 'ignore' }))
  }
  const ports: number[] = []
  for (const kind of servers) {
    const port = await freePort()
    ports.push(port)
    await writeFile(join(dir, `${kind}-server.conf`), storage(kind, dir, port))
    const ring = join(dir, `${kind}.builder`)
    await must('swift-ring-builder', [ring, 'create', '4', '1', '0'])
    await must('swift-ring-builder', [ring, 'add', `r1z1-127.0.0.1:${port}/disk`, '1'])
    await must('swift-ring-builder', [ring, 'rebalance'])
    begin(kind)
  }
  const [port, memcached] = [await freePort(), await freePort()]
  const words = ['-u', 'nobody', '-l', '127.0.0.1', '-p', String(memcached), '-m', '16']
  children.push(spawn('memcached', words, { stdio: 'ignore' }))
  await writeFile(join(dir, 'proxy-server.conf'), proxy(dir, port, memcached))
  begin('proxy')
  for (const one of [...ports, memcached, port]) await untilListening(one)
  return {
    url: `https://127.0.0.1:${port}`,
    accessKey: 'test:tester',
    secretKey: 'secret-of-a-test',
    ca: join(dir, 'server.pem'),
    objects: join(dir, 'node/disk/objects'),
    async [Symbol.asyncDispose]() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null) return
          const ended = once(child, 'exit')
          child.kill('SIGKILL')
          await ended
        }),
      )
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Nothing tells when it does but asking. */
async function untilListening(port: number): Promise<void> {
  for (const late = Date.now() + 30_000; ;) {
    const socket = connect(port, '127.0.0.1')
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (up) return
    if (Date.now() > late) throw new Error(`nothing listens on port ${port}`)
    await delay(50)
  }
}
