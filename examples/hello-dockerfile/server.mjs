import { createServer } from 'node:http'

const server = createServer((request, response) => response.end('Hello from a Dockerfile on Berth\n'))

server.listen(Number(process.env.PORT ?? 5000))
process.once('SIGTERM', () => server.close())
