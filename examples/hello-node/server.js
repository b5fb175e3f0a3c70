const { createServer } = require('node:http')

const greeting = process.env.GREETING ?? 'Hello from Berth'
const port = Number(process.env.PORT ?? 3000)

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${greeting}\n`)
})

server.listen(port, () => console.log(`listening on ${port}`))
process.once('SIGTERM', () => server.close())
