import { serve } from '@hono/node-server'
import { greet } from 'greeting'
import { Hono } from 'hono'

const app = new Hono()

app.get('/', (context) => context.json({ greeting: greet('the API') }))
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })
