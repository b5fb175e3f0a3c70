import express from 'express'

const app = express()
const port = Number(process.env.PORT ?? 3000)

app.get('/', (request, response) => {
  response.type('text').send(`${process.env.GREETING ?? 'Hello from Express on Berth'}\n`)
})
app.get('/time', (request, response) => {
  response.json({ now: new Date().toISOString() })
})

const server = app.listen(port, () => console.log(`listening on ${port}`))
process.once('SIGTERM', () => server.close())
