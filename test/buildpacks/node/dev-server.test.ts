import { expect } from 'chai'
import { commandsOf } from '../../../src/buildpacks/node/commands.js'
import { servesForDevelopment, withoutWatching } from '../../../src/buildpacks/node/dev-server.js'

const develops = (line: string): boolean => commandsOf(line).some(servesForDevelopment)

describe('a development server', () => {
  for (const line of [
    'vite',
    'vite --port 3000',
    'vite preview --host',
    'ng serve',
    'react-scripts start',
    'astro dev',
    'next dev',
    'docusaurus start',
    'eleventy --serve',
    'npx @11ty/eleventy --serve',
    'parcel index.html',
    'webpack serve --mode development',
    'PORT=3 vue-cli-service serve',
  ])
    it(`is ${line}`, () => expect(develops(line)).to.equal(true))
  for (const line of [
    'vite build',
    'node server.js',
    'next start',
    'eleventy',
    'parcel build index.html',
    'ng build',
    'http-server dist',
    'constructor',
    'node vite.js',
  ])
    it(`is not ${line}`, () => expect(develops(line)).to.equal(false))
})

describe('a watcher', () => {
  for (const [line, still] of Object.entries({
    'nodemon server.js': 'node server.js',
    'nodemon --exec ts-node server.ts': null,
    'node --watch server.js': 'node server.js',
    'tsx watch src/server.ts': 'tsx src/server.ts',
    'tsx src/server.ts': null,
    'node server.js': null,
  }))
    it(`${line} ${still === null ? 'stays as it is' : `becomes ${still}`}`, () => {
      const [command] = commandsOf(line)
      expect(command && withoutWatching(command)).to.equal(still)
    })
})
