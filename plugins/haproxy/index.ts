import { join } from 'node:path'
import { definePlugin } from 'berth/plugin'
import { speaksHttp3 } from './abilities.js'
import { files, masterSocket } from './configuration.js'
import { HaproxyPlane } from './plane.js'

/** HAProxy (2.6 or later) in front of the router: `bin/up --router haproxy`. */
export const plugin = definePlugin({
  kind: 'router',
  name: 'haproxy',
  version: '1.0.0',
  start: ({ log }) => ({
    program: async (place) => ({
      http3: await speaksHttp3(log),
      command: 'haproxy',
      args: [
        ...['-W', '-S', `${masterSocket(place)},mode,600`],
        ...[files.configuration, files.state].flatMap((name) => ['-f', join(place.directory, name)]),
      ],
    }),
    drive: async (place, events, first) => {
      const plane = new HaproxyPlane(place, events, log)
      await plane.start(first)
      return plane
    },
  }),
})
