import { createServer } from 'node:http'

const { PORT, STORE, TITLE } = process.env
const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

const page = (entries) => `<!doctype html>
<title>${escaped(TITLE)}</title>
<h1>${escaped(TITLE)}</h1>
<ul>${entries.map((entry) => `<li>${escaped(entry)}</li>`).join('')}</ul>
<form method="post"><input name="entry" maxlength="200" required><button>Write</button></form>
`

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST') {
      let body = ''
      for await (const chunk of request) if ((body += chunk).length > 2000) break
      const entry = new URLSearchParams(body).get('entry') ?? ''
      if (entry !== '') await fetch(STORE, { method: 'POST', body: entry.slice(0, 200) })
      response.writeHead(303, { location: '/' }).end()
      return
    }
    const entries = await (await fetch(STORE)).json()
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(page(entries))
  } catch (error) {
    console.error(error)
    response.writeHead(502).end('the store does not answer\n')
  }
})

server.listen(Number(PORT))
process.once('SIGTERM', () => server.close())
