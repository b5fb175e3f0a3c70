import { expect } from 'chai'
import { complaintOf, pkg, planOf, type Files } from './trees.js'

const flask = { 'requirements.txt': 'flask\n', 'main.py': 'from flask import Flask\napp = Flask(__name__)\n' }
const start = (files: Files): string | null | undefined => planOf({ ...flask, ...files }).processTypes.web
const json = (command: unknown): string => JSON.stringify({ deploy: { startCommand: command } })

describe('files for Railway', () => {
  it('say what starts an app without a Procfile, and a note says so', () => {
    for (const [file, text] of [
      ['railway.json', json('gunicorn shop:api')],
      ['railway.toml', '[deploy]\nstartCommand = "gunicorn shop:api"\n'],
      ['railpack.json', '{\n  // ours\n  "deploy": { "startCommand": " gunicorn shop:api ", }\n}'],
      ['nixpacks.toml', '[phases.setup]\nnixPkgs = ["x"]\n[start]\ncmd = "gunicorn shop:api"\n'],
      ['nixpacks.json', '{"start": {"cmd": "gunicorn shop:api"}}'],
    ] as const) {
      const { processTypes, notes } = planOf({ ...flask, [file]: text })
      expect(processTypes, file).to.deep.equal({ web: 'gunicorn shop:api' })
      expect(notes[0]).to.equal(`${file} says what runs: \`gunicorn shop:api\`; a Procfile is read before it`)
    }
    expect(planOf({ 'railpack.json': json('bash run.sh'), 'run.sh': 'echo\n' }).buildpack).to.equal('shell')
  })

  it('are not followed where a Procfile or a package.json is there, nor where they build first or say nothing', () => {
    const own = start({})
    expect(start({ 'railway.json': json('gunicorn x:y'), Procfile: 'web: gunicorn a:b\n' })).to.equal('gunicorn a:b')
    for (const command of [
      'mvn package && java -jar x',
      'cd a && go run main.go',
      './gradlew bootRun',
      'npx serve',
      ' ',
      3,
      'a\nb',
    ])
      expect(start({ 'railway.json': json(command) }), String(command)).to.equal(own)
    for (const text of ['{}', '[]', '{"deploy": []}', '"x"'])
      expect(start({ 'railway.json': text }), text).to.equal(own)
    const node = { 'package.json': pkg({ scripts: { start: 'node a.js' } }), 'railway.json': json('node b.js') }
    expect(planOf(node).processTypes.web).to.equal(planOf({ 'package.json': node['package.json'] }).processTypes.web)
    expect(planOf({ 'index.html': '', 'railway.json': json('./serve') }).buildpack).to.equal('static')
  })

  it('are refused with their place where they cannot be read', () => {
    expect(complaintOf({ ...flask, 'railway.json': '{"deploy":' })).to.include('railway.json:1:')
    expect(complaintOf({ ...flask, 'nixpacks.toml': '[start\n' })).to.include('nixpacks.toml:1:')
    expect(complaintOf({ ...flask, 'railway.json': json('x.exe') })).to.match(
      /^railway\.json:1:6: `x\.exe` is for Windows/,
    )
  })
})
