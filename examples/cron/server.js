const { createServer } = require('node:http')

const { PORT, TASK_KEY } = process.env
let last = null

const server = createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/ran' && request.headers.authorization === `Bearer ${TASK_KEY}`) {
    last = { task: request.headers['x-task'], at: new Date().toISOString() }
    response.end('noted')
    return
  }
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ last }))
})

server.listen(PORT)
process.once('SIGTERM', () => server.close())
