import { expect } from 'chai'
import { instance, type Instance } from '../instance.js'
import { patience, pushedExample } from './example.js'

describe('A CMS on nginx, PHP and MariaDB', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('is WordPress of Debian with a theme from the repository', async function () {
    this.timeout(patience)
    const { app } = await pushedExample(berth, await berth.example('wordpress'))
    expect((await berth.curl(app, '/', '-L')).body).to.include('<title>WordPress &rsaquo; Installation</title>')
    const answers = {
      weblog_title: 'Notes of Ada',
      user_name: 'ada',
      admin_password: 'a-long-password-of-ada',
      admin_password2: 'a-long-password-of-ada',
      admin_email: 'ada@example.com',
      blog_public: '0',
    }
    const form = Object.entries(answers).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
    const installed = await berth.curl(app, '/wp-admin/install.php?step=2', '--max-time', '120', ...form)
    expect(installed.status, installed.body).to.equal(200)
    expect(installed.body).to.include('WordPress has been installed')
    const { body } = await berth.curl(app)
    expect(body).to.include('<h1>Notes of Ada</h1>').and.include('Hello world!')
    const sheet = /href="[^"]*(\/wp-content\/themes\/hello\/style\.css)"/.exec(body)?.[1] ?? '/none'
    expect((await berth.curl(app, sheet)).body).to.include('Theme Name: Hello')
    expect((await berth.curl(app, '/wp-login.php')).body).to.include('id="loginform"')
    expect((await berth.curl(app, '/?rest_route=/wp/v2/posts')).body).to.match(/"slug":"hello-world"/)
  })
})
