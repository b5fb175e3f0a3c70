import { definePlugin, type ServicePlugin } from 'berth/plugin'
import { backup } from './backup.js'
import { admitScript, dismissScript, grantDefinitions } from './accounts.js'
import { directory, programs } from './programs.js'

const words = (name: keyof typeof programs): string => `/usr/local/bin/berth-rabbitmq-${name}`

/** Read at its start; the memory of the container is in a file beside it (rabbitmq.com, Memory and Disk Alarms). */
const configuration = `listeners.tcp.default = 5672
default_vhost = main
default_user = guest
loopback_users.guest = true
vm_memory_high_watermark.relative = 0.5
disk_free_limit.absolute = 256MB
log.console = true
log.console.level = info
log.file = false
`

/** RabbitMQ of Debian: one virtual host, `main`, and an account per link. */
export const rabbitmq: ServicePlugin = {
  title: 'RabbitMQ',
  versions: [
    { version: '3.10', debian: 'bookworm', packages: ['rabbitmq-server', 'amqp-tools'] },
    { version: '4.0', debian: 'trixie', packages: ['rabbitmq-server', 'amqp-tools'] },
    { version: '3.8', debian: 'bullseye', packages: ['rabbitmq-server', 'amqp-tools'] },
  ],
  variable: 'AMQP',
  user: 'rabbitmq',
  directory,
  files: {
    ...Object.fromEntries(
      Object.entries(programs).map(([name, text]) => [`/usr/local/bin/berth-rabbitmq-${name}`, text]),
    ),
    '/etc/berth-rabbitmq/10-berth.conf': configuration,
    '/etc/berth-rabbitmq/plugins': '[].\n',
  },
  initialise: ({ version }) => [words('initialise'), version],
  start: ({ version, memory }) => [words('start'), version, String(memory)],
  ready: () => ({ words: [words('ready')] }),
  // ends as `rabbitmqctl stop` has it (rabbitmq-server(8))
  stop: { signal: 'SIGTERM', seconds: 60 },
  grant: (credential) => ({ words: ['sh', '-c', admitScript], input: grantDefinitions(credential) }),
  revoke: (role) => ({ words: ['sh', '-c', dismissScript, 'revoke', role] }),
  url: (host, { role, password }) => `amqp://${role}:${password}@${host}:5672/main`,
  measure: () => ({ words: [words('measure')] }),
  backup,
  connect: () => [words('console')],
}

export const plugin = definePlugin({ kind: 'service', name: 'rabbitmq', version: '1.0.0', start: () => rabbitmq })
