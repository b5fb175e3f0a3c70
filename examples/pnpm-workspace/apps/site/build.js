import { mkdirSync, writeFileSync } from 'node:fs'
import { greet } from 'greeting'

mkdirSync('dist', { recursive: true })
writeFileSync('dist/index.html', `<!doctype html><title>${greet('the site')}</title>\n`)
