/**
 * Loaded before all else, `node --import`: importing node:http reads everything it exports, and these three load undici, six
 * MiB of it, for a WebSocket client that nobody here is. bin/berth and the engine give it to Node.js.
 */
const http = process.getBuiltinModule('node:http')
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name)
