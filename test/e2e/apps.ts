/** Apps small enough to read in a test; each is what somebody might really push. */

const pkg = (start: string): string => JSON.stringify({ name: 'app', version: '1.0.0', scripts: { start } })

const server = (body: string, listen = 'process.env.PORT'): string =>
  `require('http').createServer((req, res) => { ${body} }).listen(${listen})\n`

/** Answers every request with `text`. */
export const answering = (text: string): Record<string, string> => ({
  'package.json': pkg('node server.js'),
  'server.js': server(`res.end(${JSON.stringify(text)})`),
})

/** Answers with what `expression` of (req, process) gives. */
export const evaluating = (expression: string): Record<string, string> => ({
  'package.json': pkg('node server.js'),
  'server.js': server(`res.end(String(${expression}))`),
})

/** Runs this program as its web process. */
export const running = (program: string): Record<string, string> => ({
  'package.json': pkg('node server.js'),
  'server.js': program,
})

export const handling = (body: string): Record<string, string> => running(server(body))

export const crashing = running("console.error('cannot find the database'); process.exit(3)\n")
export const neverListening = running('setInterval(() => {}, 1000)\n')
/** Where its source does not tell. */
export const onAnotherPort = running(server("res.end('hi')", "Number('4321')"))
export const onLoopback = running(
  "require('http').createServer((q, s) => s.end('hi')).listen(process.env.PORT, '127.0.0.1')\n",
)
export const answering500 = handling("res.statusCode = 500; res.end('no such table: users')")
/** Touches memory until the kernel says no. */
export const hungry = running('const all = []; setInterval(() => all.push(Buffer.alloc(32e6, 1)), 1)\n')
