import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance, type Repository } from '../instance.js'
import { must } from '../../run.js'
import { cutNetwork } from './cut.js'
import { patience } from './example.js'

const server = `import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.version.encode())
http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
`

describe('Python apps', () => {
  let berth: Instance
  let plain: string
  before(async function () {
    this.timeout(patience)
    berth = await instance()
    // the first push makes the image that others begin with, and that `made` runs
    plain = (await pushed('plain', await berth.repository({ 'main.py': server }))).app
  })

  async function pushed(stem: string, repo: Repository): Promise<{ app: string; said: string }> {
    const app = await createApp(berth, repo, stem)
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    return { app, said: stderr }
  }

  /** Makes files in a container of the image that plans begin with. @returns what the last command printed */
  async function made(files: Readonly<Record<string, string>>, ...commands: string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: `unix://${berth.config.engineSocket}` }
    const repo = await berth.repository({
      ...files,
      Dockerfile: ['FROM python:3.11-slim-bookworm', 'WORKDIR /made', 'COPY . .', ...commands, ''].join('\n'),
    })
    const id = join(repo.dir, '.id')
    await must('docker', ['build', '-q', '--iidfile', id, repo.dir], { env, timeoutMs: 300_000 })
    return must('docker', ['run', '--rm', (await readFile(id, 'utf8')).trim(), 'cat', '/made/out'], { env })
  }

  it('serve Flask by a gunicorn that they lack, and repeat no dependency step for a changed line', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-flask')
    const { app, said } = await pushed('flask', repo)
    expect(said).to.include('Python app (Flask) detected').and.include('gunicorn is installed to serve the app')
    expect((await berth.curl(app)).body).to.equal('Hello from Flask\n')
    const text = await readFile(join(repo.dir, 'app.py'), 'utf8')
    await repo.commit({ 'app.py': text.replace('from Flask', 'again') })
    await using cut = await cutNetwork(berth)
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr).not.to.match(/Running in/)
    expect(await cut.asked()).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('Hello again\n')
  })

  it('serve FastAPI of a uv.lock', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-fastapi')
    const project = await readFile(join(repo.dir, 'pyproject.toml'), 'utf8')
    const lock = await made({ 'pyproject.toml': project }, 'RUN pip install -q uv && uv lock -q && cp uv.lock out')
    await repo.commit({ 'uv.lock': lock })
    const { app, said } = await pushed('fastapi', repo)
    expect(said).to.include('uv sync --locked').and.not.include('versions may differ')
    expect(JSON.parse((await berth.curl(app, '/?name=all')).body)).to.deep.equal({ greeting: 'Hello, all' })
    await repo.commit({ 'pyproject.toml': project.replace('"uvicorn', '"httpx", "uvicorn') })
    const stale = await repo.push()
    expect(stale.code).to.equal(1)
    expect(stale.stderr).to.match(/! {5}uv\.lock does not match pyproject\.toml: run `uv lock`/)
  })

  it('serve Django, as startproject writes it and with static files', async function () {
    this.timeout(patience)
    const startproject =
      'RUN pip install -q django && django-admin startproject shop . && tar -czf - manage.py shop | base64 > out'
    const archive = await made({}, startproject)
    const repo = await berth.repository({ 'requirements.txt': 'django\n' })
    await must('sh', ['-c', `base64 -d | tar -xz -C "${repo.dir}"`], { input: archive })
    await repo.commit({})
    const start = await pushed('startproject', repo)
    expect(start.said).to.include('migrate --noinput').and.include('no STATIC_ROOT')
    expect((await berth.curl(start.app)).body).to.include('The install worked successfully')
    const { app } = await pushed('django', await berth.example('hello-django'))
    const { body } = await berth.curl(app)
    const sheet = /href="([^"]+)"/.exec(body)?.[1] ?? ''
    expect(sheet).to.match(/^\/static\/style\.[0-9a-f]+\.css$/)
    expect(await berth.curl(app, sheet)).to.deep.equal({ status: 200, body: 'h1 { font-family: sans-serif }\n' })
  })

  it('run a program that needs nothing, and are refused a Python that is not to be had before anything is built', async function () {
    this.timeout(patience)
    expect((await berth.curl(plain)).body).to.match(/^3\.11\./)
    const other = await berth.repository({ 'main.py': server, '.python-version': '3.7' })
    await createApp(berth, other, 'other')
    const { code, stderr } = await other.push()
    expect(code).to.equal(1)
    expect(stderr).to.include('.python-version asks for "3.7"').and.not.include('Step 1')
  })
})
