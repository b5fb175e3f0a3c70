import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const page = readFileSync('index.html')
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(page)
})
const room = new WebSocketServer({ server, path: '/room', maxPayload: 4096 })

room.on('connection', (visitor) => {
  visitor.on('error', () => visitor.terminate())
  visitor.on('message', (words) => {
    for (const other of room.clients) other.send(String(words))
  })
  visitor.send('Welcome')
})

server.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => {
  for (const visitor of room.clients) visitor.close(1001, 'the server restarts')
  server.close()
})
