/**
 * The server of a static site, as text: it runs inside the app's container, on whatever Node.js is there, without
 * dependencies. GET and HEAD; ranges (RFC 9110 §14), conditional requests (§13), gzip, 404.html. Nothing outside the
 * site is served, whatever a path or a link says, and no dot files but /.well-known.
 */
export const staticServer = `import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'

const site = await realpath(process.env.SITE ?? '/srv/site')
const text = { html: 'text/html', htm: 'text/html', css: 'text/css', js: 'text/javascript', mjs: 'text/javascript',
  json: 'application/json', map: 'application/json', webmanifest: 'application/manifest+json', txt: 'text/plain',
  md: 'text/markdown', csv: 'text/csv', xml: 'application/xml', rss: 'application/rss+xml', svg: 'image/svg+xml' }
const binary = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp',
  avif: 'image/avif', ico: 'image/x-icon', woff: 'font/woff', woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf',
  mp4: 'video/mp4', webm: 'video/webm', mp3: 'audio/mpeg', ogg: 'audio/ogg', wav: 'audio/wav', pdf: 'application/pdf',
  wasm: 'application/wasm', zip: 'application/zip' }

async function file(path) {
  try {
    const real = await realpath(join(site, path))
    if (real !== site && !real.startsWith(site + sep)) return null
    const stats = await stat(real)
    return { real, stats, size: stats.size }
  } catch {
    return null
  }
}

function typeOf(path) {
  const ending = extname(path).slice(1).toLowerCase()
  if (Object.hasOwn(text, ending)) return { type: text[ending] + '; charset=utf-8', squeezes: true }
  return { type: Object.hasOwn(binary, ending) ? binary[ending] : 'application/octet-stream', squeezes: ending === 'wasm' }
}

/** [first, last], null for the whole, false for a range that cannot be met */
function rangeOf(header, size) {
  const match = /^bytes=(\\d*)-(\\d*)$/.exec(header ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return null
  const first = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const last = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1)
  return first > last || first >= size ? false : [first, last]
}

function send(req, res, status, found) {
  const { type, squeezes } = typeOf(found.real)
  const etag = 'W/"' + [found.size, Math.floor(found.stats.mtimeMs), Math.floor(found.stats.ctimeMs)].map((n) => n.toString(36)).join('-') + '"'
  const headers = { 'Content-Type': type, ETag: etag, 'Last-Modified': found.stats.mtime.toUTCString(), 'X-Content-Type-Options': 'nosniff',
    'Cache-Control': /[.-][0-9a-f]{8,}\\.\\w+$/i.test(found.real) ? 'public, max-age=31536000, immutable' : 'no-cache' }
  if (squeezes) headers.Vary = 'Accept-Encoding'
  const known = req.headers['if-none-match']
  if (status === 200 && known !== undefined && known.split(',').some((one) => one.trim() === etag || one.trim() === '*'))
    return res.writeHead(304, headers).end()
  const asked = status === 200 && req.headers['if-range'] === undefined ? rangeOf(req.headers.range, found.size) : null
  if (asked === false) return res.writeHead(416, { 'Content-Range': 'bytes */' + found.size }).end()
  const gzip = !asked && squeezes && found.size > 1000 && /\\bgzip\\b(?!\\s*;\\s*q=0(?:\\.0*)?\\s*(?:,|$))/.test(req.headers['accept-encoding'] ?? '')
  if (gzip) headers['Content-Encoding'] = 'gzip'
  else headers['Accept-Ranges'] = 'bytes'
  if (asked) headers['Content-Range'] = 'bytes ' + asked[0] + '-' + asked[1] + '/' + found.size
  if (!gzip) headers['Content-Length'] = asked ? asked[1] - asked[0] + 1 : found.size
  res.writeHead(asked ? 206 : status, headers)
  if (req.method === 'HEAD') return res.end()
  const body = createReadStream(found.real, asked ? { start: asked[0], end: asked[1] } : {})
  const done = (error) => error && res.destroy()
  if (gzip) pipeline(body, createGzip(), res, done)
  else pipeline(body, res, done)
}

function bare(path) {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

async function answer(req, res) {
  if (req.method !== 'GET' && req.method !== 'HEAD') return res.writeHead(405, { Allow: 'GET, HEAD' }).end()
  const [raw, query] = (req.url ?? '/').split('?', 2)
  let path
  try {
    path = decodeURIComponent(raw)
  } catch {
    return res.writeHead(400).end('bad request\\n')
  }
  const hidden = path.includes('\\0') || path.split('/').some((part) => part.startsWith('.') && part !== '.well-known')
  let found = hidden ? null : await file(path)
  const moved = (to) => res.writeHead(308, { Location: '/' + to.replace(/^\\/+/, '') + (query === undefined ? '' : '?' + query) }).end()
  const page = async () => {
    const beside = hidden || bare(path) === '' ? null : await file(bare(path) + '.html')
    return beside?.stats.isFile() ? beside : null
  }
  if (found?.stats.isDirectory()) {
    // /blog is blog.html where there is one beside blog/, as other hosts of static sites have it
    if (!path.endsWith('/')) {
      found = await page()
      if (!found) return moved(raw + '/')
    } else {
      found = await file(path + 'index.html')
      if (!found?.stats.isFile() && (await page())) return moved(bare(raw))
    }
  }
  if (!found && !path.endsWith('/')) found = await page()
  if (found?.stats.isFile()) return send(req, res, 200, found)
  // a page that the browser routes; not a script or a picture that is gone, for which a page would be kept
  if (process.env.FALLBACK === 'index' && !hidden && extname(path) === '' && /\\btext\\/html\\b|\\*\\/\\*/.test(req.headers.accept ?? '*/*')) {
    const shell = (await file('200.html')) ?? (await file('index.html'))
    if (shell?.stats.isFile()) return send(req, res, 200, shell)
  }
  const lost = await file('404.html')
  if (lost?.stats.isFile()) return send(req, res, 404, lost)
  res.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('not found\\n')
}

const server = createServer((req, res) => {
  answer(req, res).catch(() => res.destroy())
}).listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
process.once('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})
`
