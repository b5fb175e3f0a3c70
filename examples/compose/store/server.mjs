import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { FILE } = process.env
const entries = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : []

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    let entry = ''
    for await (const chunk of request) entry += chunk
    entries.push(entry)
    writeFileSync(`${FILE}.new`, JSON.stringify(entries))
    renameSync(`${FILE}.new`, FILE)
  }
  response.end(JSON.stringify(entries))
})

server.listen(4000)
process.once('SIGTERM', () => server.close())
