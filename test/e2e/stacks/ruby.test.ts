import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { must } from '../../run.js'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

const server = `require 'socket'
require 'words'
listener = TCPServer.new('0.0.0.0', ENV.fetch('PORT'))
while (client = listener.accept)
  client.gets
  client.print "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n#{Words.greeting}\\n"
  client.close
end
`

/** A gem with a part in C. */
const words = {
  'words.gemspec': `Gem::Specification.new do |gem|
  gem.name, gem.version, gem.summary, gem.authors = 'words', '1.0.0', 'Words', ['Test']
  gem.files = ['lib/words.rb', 'ext/words/extconf.rb', 'ext/words/words.c']
  gem.extensions = ['ext/words/extconf.rb']
end
`,
  'lib/words.rb': "require 'words/words'\n",
  'ext/words/extconf.rb': "require 'mkmf'\ncreate_makefile 'words/words'\n",
  'ext/words/words.c': `#include <ruby.h>
static VALUE greeting(VALUE self) { return rb_str_new_cstr("Hello from C"); }
void Init_words(void) { rb_define_singleton_method(rb_define_module("Words"), "greeting", greeting, 0); }
`,
  Dockerfile: 'FROM ruby:3.1-slim-bookworm\nWORKDIR /made\nCOPY . .\nRUN gem build -q words.gemspec\n',
}

describe('Ruby apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('are Rails with unicorn and Sass, keep their secret, and install no gem for a changed line', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-rails')
    const app = await createApp(berth, repo, 'rails')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Ruby app (Rails) detected').and.include('SECRET_KEY_BASE is made at random')
    const { body } = await berth.curl(app)
    expect(body).to.include('<h1>Hello from Rails</h1>')
    const sheet = /href="([^"]+)"/.exec(body)?.[1] ?? ''
    expect(await berth.curl(app, sheet)).to.deep.equal({ status: 200, body: 'body h1{color:#234}\n' })
    const secret = async (): Promise<string> => (await berth.berth(['config:get', 'SECRET_KEY_BASE', '-a', app])).stdout
    const kept = await secret()
    expect(kept).to.match(/^[0-9a-f]{128}\n$/)

    const page = 'app/views/hello/show.html.erb'
    await repo.commit({ [page]: (await readFile(join(repo.dir, page), 'utf8')).replace('from Rails', 'again') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    // the assets, which any of the app's code may have a part in
    expect(again.stderr.match(/Running in/g)).to.have.length(1)
    expect((await berth.curl(app)).body).to.include('<h1>Hello again</h1>')
    expect(await secret()).to.equal(kept)

    await repo.commit({ Gemfile: "source 'https://gems.invalid'\ngem 'rails'\ngem 'no-gem-of-anybody'\n" })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(
      /! {5}gems\.invalid cannot be reached, and Debian has no package of no-gem-of-anybody: run `bundle cache/,
    )
  })

  it('compile gems that lie in vendor/cache, without a gem server', async function () {
    this.timeout(patience)
    const env = { ...process.env, DOCKER_HOST: `unix://${berth.config.engineSocket}` }
    const made = await berth.repository(words)
    const id = join(made.dir, '.id')
    await must('docker', ['build', '-q', '--iidfile', id, made.dir], { env, timeoutMs: 300_000 })
    const image = (await readFile(id, 'utf8')).trim()
    const gem = await must('docker', ['run', '--rm', image, 'base64', '/made/words-1.0.0.gem'], { env })
    const repo = await berth.repository({
      Gemfile: "source 'https://gems.invalid'\ngem 'words'\n",
      'app.rb': server,
    })
    await mkdir(join(repo.dir, 'vendor/cache'), { recursive: true })
    await writeFile(join(repo.dir, 'vendor/cache/words-1.0.0.gem'), Buffer.from(gem, 'base64'))
    await repo.commit({})
    const app = await createApp(berth, repo, 'cached')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('Hello from C\n')
    // what compiled it is not in the image
    expect((await berth.berth(['run', 'which gcc make || echo none', '-a', app])).stdout).to.equal('none\n')
  })
})
