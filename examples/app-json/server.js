const { createServer } = require('node:http')

const { GREETING, OWNER, SESSION_SECRET, PORT } = process.env

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ greeting: GREETING, owner: OWNER, secret: SESSION_SECRET.length }))
})

server.listen(PORT)
process.once('SIGTERM', () => server.close())
