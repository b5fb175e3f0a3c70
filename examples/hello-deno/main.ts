import { Hono } from 'hono'

const greeting: string = Deno.env.get('GREETING') ?? 'Hello'
const app = new Hono()

app.get('/', (context) => context.text(`${greeting} from Deno\n`))
app.get('/passwd', (context) => {
  try {
    return context.text(Deno.readTextFileSync('/etc/passwd'))
  } catch (error) {
    return context.text(`${(error as Error).name}\n`, 403)
  }
})

Deno.serve(app.fetch)
