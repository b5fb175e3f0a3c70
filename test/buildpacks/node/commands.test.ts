import { expect } from 'chai'
import { commandsOf, resolved } from '../../../src/buildpacks/node/commands.js'

const shown = (commands: ReturnType<typeof commandsOf>): string[] =>
  commands.map(({ program, args }) => [program, ...args].join(' '))

describe('the commands of a line', () => {
  for (const [line, commands] of Object.entries({
    'node server.js': ['node server.js'],
    'NODE_ENV=production PORT=3 node x': ['node x'],
    'cross-env NODE_ENV=production vite': ['vite'],
    'npx --yes vite build': ['vite build'],
    'tsc && node dist/main.js; echo "a b"': ['tsc', 'node dist/main.js', 'echo a b'],
    'pnpm exec next start': ['next start'],
    'yarn node server.js': ['node server.js'],
    'dotenv -e .env -- node x.js': ['node x.js'],
    '': [],
  }))
    it(`of ${JSON.stringify(line)} are ${JSON.stringify(commands)}`, () =>
      expect(shown(commandsOf(line))).to.deep.equal(commands))

  const scripts = { dev: 'vite', serve: 'npm run dev', api: 'node api.js', loop: 'npm run loop' }
  for (const [line, commands] of Object.entries({
    'npm run serve': ['vite'],
    'yarn serve': ['vite'],
    'pnpm run dev -- --host': ['vite'],
    'run-p dev api': ['vite', 'node api.js'],
    'concurrently "npm:dev" "npm run api"': ['vite', 'node api.js'],
    'npm run gone': ['npm run gone'],
    'npm run loop': ['npm run loop'],
  }))
    it(`of ${line} come down to ${commands.join(', ')}`, () =>
      expect(shown(resolved(line, scripts))).to.deep.equal(commands))
})
