import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { remoteServer, type RemoteServer } from '../../git/remote.js'
import { home } from '../instance.js'
import { describeService } from './suite.js'

const mqtt = (url: string, script: string, input?: string) => ({
  words: ['sh', '-ec', script, 'sh', url],
  ...(input !== undefined && { input }),
})

let remote: RemoteServer | undefined

/** A recipe that came by git, as those of Berth. */
describeService({
  kind: 'mosquitto',
  install: async (berth) => {
    const folder = join(home, 'examples', 'plugin-service')
    const names = await readdir(folder)
    const files = await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    )
    remote = await remoteServer()
    await remote.commit('mosquitto', Object.fromEntries(files))
    await berth.succeed('plugins:install', `${remote.url}/mosquitto`)
  },
  put: (url, value) => mqtt(url, 'exec mosquitto_pub -L "$1/greeting" --retain --qos 1 -s', value),
  get: (url) => mqtt(url, 'exec mosquitto_sub -L "$1/greeting" -C 1 -W 5'),
  // its own account is nobody else's
  administer: (url) => mqtt(url.replace(/\/\/[^:]*:/, '//admin:'), 'exec mosquitto_sub -L "$1/greeting" -C 1 -W 5'),
  keeps: true,
})

after(async () => remote?.[Symbol.asyncDispose]())
