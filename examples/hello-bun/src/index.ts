import { Hono } from 'hono'

const app = new Hono()

app.get('/', (context) => context.text(`Hello from Bun ${Bun.version}\n`))
app.get('/page.js', () => new Response(Bun.file('public/page.js')))

Bun.serve({ port: process.env.PORT, fetch: app.fetch })
