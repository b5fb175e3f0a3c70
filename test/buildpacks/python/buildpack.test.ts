import { expect } from 'chai'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const flask = 'from flask import Flask\napp = Flask(__name__)\n'
const fastapi = 'from fastapi import FastAPI\n\napp: FastAPI = FastAPI(title="x")\n'
const web = (files: Files): string | null | undefined => planOf(files).processTypes.web

describe('the Python buildpack', () => {
  it('installs requirements in a stage of their own, before the code is there', () => {
    const { dockerfile, ...plan } = planOf({ 'requirements.txt': 'Flask==3.0\ngunicorn\n', 'app.py': flask })
    expect(plan).to.deep.include({
      buildpack: 'python',
      found: 'Python app (Flask)',
      version: '3.11',
      origin: 'Dockerfile',
      notes: [],
    })
    expect(plan.processTypes).to.deep.equal({
      web: 'gunicorn app:app --bind 0.0.0.0:$PORT --workers ${WEB_CONCURRENCY:-2} --worker-tmp-dir /dev/shm',
    })
    const steps = dockerfile.split('\n').filter((line) => /^(?:FROM|COPY|USER)|uv pip install -r/.test(line))
    expect(steps.map((line) => line.replace(/ --no-build.*/, ''))).to.deep.equal([
      'FROM python:3.11-slim-bookworm AS build',
      'COPY requirements.txt ./',
      ' && { uv pip install -r requirements.txt',
      'FROM python:3.11-slim-bookworm',
      'COPY --from=build --chown=app:app /app/.venv /app/.venv',
      'USER app',
      'COPY --chown=app:app . .',
    ])
  })

  it('copies the requirements that requirements include, and the tree where a part of it is installed', () => {
    const files = { 'app.py': flask, 'requirements/base.txt': 'flask # here\n-c ../pins.txt', 'pins.txt': 'flask<4' }
    const included = planOf({ ...files, 'requirements.txt': '-r requirements/base.txt\n' })
    expect(included.dockerfile).to.include(
      'COPY requirements.txt pins.txt ./\nCOPY requirements/base.txt ./requirements/base.txt\n',
    )
    for (const line of ['-e .', './lib', 'lib @ file:lib'])
      expect(planOf({ ...files, 'requirements.txt': `flask\n${line}\n` }).dockerfile).to.match(
        /WORKDIR \/app\nCOPY \. \.\nRUN/,
      )
    expect(complaintOf({ ...files, 'requirements.txt': 'flask\n-r none.txt' })).to.match(
      /^requirements\.txt:2:1: "-r none\.txt": there is no none\.txt/,
    )
    expect(complaintOf({ ...files, 'requirements.txt': 'a @ file:///croot/a/work\n' }))
      .to.include('requirements.txt:1:1')
      .and.include('conda')
    for (const line of ['==3.0', '>=2', '<<<<<<< HEAD', '=======', '; python_version > "3"'])
      expect(complaintOf({ ...files, 'requirements.txt': `flask\n${line}\n` })).to.include(
        `requirements.txt:2:1: "${line}" is no requirement`,
      )
    expect(complaintOf({ ...files, 'requirements.txt': 'f\0l\0' })).to.include(
      'requirements.txt:1:1: this is no UTF-8 text',
    )
  })

  const manifest =
    '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["fastapi", "uvicorn"]\n'
  const wheel = (name: string, file: string): string =>
    `[[package]]\nname = "${name}"\nversion = "1"\nsource = { registry = "x" }\nwheels = [{ url = "http://x/${file}" }]\n`
  const lock = wheel('fastapi', 'fastapi-1-py3-none-any.whl') + wheel('uvicorn', 'uvicorn-1-py3-none-any.whl')

  it('installs by each lock file with its own tool, the first of several', () => {
    const commandOf = (files: Files): string =>
      /uv venv -q(?: \\\n && (.*?))?(?: \\)?\n/.exec(planOf({ 'main.py': fastapi, ...files }).dockerfile)?.[1] ?? ''
    expect(commandOf({ 'pyproject.toml': manifest, 'uv.lock': lock })).to.equal(
      'uv sync --locked --no-default-groups --no-install-project --no-install-workspace',
    )
    const poetry =
      '[[package]]\nname = "fastapi"\nversion = "1"\nfiles = [{file = "fastapi-1-py3-none-any.whl", hash = "x"}]\n'
    expect(commandOf({ 'pyproject.toml': manifest, 'poetry.lock': poetry })).to.match(
      /^poetry export -q --only main -o/,
    )
    const unlocked = planOf({ 'main.py': fastapi, 'pyproject.toml': '[tool.poetry.dependencies]\nfastapi = "^0.1"\n' })
    for (const { dockerfile } of [
      unlocked,
      planOf({ 'main.py': fastapi, 'pyproject.toml': manifest, 'poetry.lock': poetry }),
    ])
      expect(dockerfile).to.include(' && uv pip install -r /tmp/requirements.txt')
    expect(unlocked.dockerfile).to.match(
      /&& \/opt\/tools\/poetry\/bin\/python -c "from pathlib .*" > \/tmp\/requirements\.txt/,
    )
    expect(commandOf({ 'pyproject.toml': manifest, 'pdm.lock': poetry })).to.match(/^pdm sync --prod/)
    expect(
      commandOf({ Pipfile: '[packages]\nfastapi="*"\n', 'Pipfile.lock': '{"default": {"fastapi": {}}}' }),
    ).to.equal('pipenv sync')
    expect(commandOf({ 'pyproject.toml': manifest })).to.match(
      /^\{ uv sync --no-default-groups --no-install-project --no-install-workspace --no-build \|\|/,
    )
    expect(commandOf({ 'setup.py': '' })).to.equal('uv pip install .')
    const both = planOf({ 'main.py': fastapi, 'pyproject.toml': manifest, 'uv.lock': lock, 'requirements.txt': 'x' })
    expect(both.notes).to.deep.equal([
      'requirements.txt not used: uv.lock says what is installed; remove it to have another',
    ])
    expect(
      planOf({ 'main.py': fastapi, 'pyproject.toml': manifest, 'uv.lock': lock, 'poetry.lock': poetry }).notes,
    ).to.deep.equal(['poetry.lock not used: uv.lock says what is installed; remove it to have another'])
  })

  it('installs the members of a workspace once the code is there, with a lock file and without', () => {
    const root =
      '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["shop"]\n' +
      '[tool.uv.workspace]\nmembers = ["packages/*", "none"]\n[tool.uv.sources]\nshop = { workspace = true }\n'
    const member = '[project]\nname = "shop"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
    const source = (name: string, place: string): string => `[[package]]\nname = "${name}"\nsource = { ${place} }\n`
    const locked = source('x', 'virtual = "."') + source('shop', 'editable = "packages/shop"')
    const files = {
      'main.py': '',
      'pyproject.toml': root,
      'packages/shop/pyproject.toml': member,
      'packages/a.txt': '',
    }
    for (const lock of [{}, { 'uv.lock': locked }]) {
      const { dockerfile } = planOf({ ...files, ...lock })
      const steps = dockerfile.split('\n').filter((line) => /^(?:COPY|FROM)|uv sync/.test(line))
      expect(
        steps.slice(1, 5).map((line) => line.replace(/ --locked| -q.*| --no-build.*|\{ /g, '').trim()),
      ).to.deep.equal([
        `COPY pyproject.toml ${'uv.lock' in lock ? 'uv.lock ' : ''}./`,
        'COPY packages/shop/pyproject.toml ./packages/shop/pyproject.toml',
        '&& uv sync --no-default-groups --no-install-project --no-install-workspace',
        'COPY . .',
      ])
      expect(steps[5]).to.include(
        `uv sync ${'uv.lock' in lock ? '--locked ' : ''}--no-default-groups --inexact --offline`,
      )
    }
  })

  it('fetches compilers where packages lack wheels, and not where what is asked for is not there', () => {
    const { dockerfile } = planOf({ 'main.py': '', 'requirements.txt': 'x\n' })
    const says = /grep -qE '([^']*)' && apt-get update/.exec(dockerfile)?.[1]
    expect(dockerfile).to.match(/\|\| \{ ! uv pip install -r requirements\.txt --no-build --dry-run 2>&1 \| grep -qE/)
    const hopeless = new RegExp(says ?? '^$')
    for (const words of [
      '  cause: Because x was not found in the package registry and you require x, we can conclude',
      '  cause: Because there is no version of flask==99.9 and you require flask==99.9, we can',
      'error: Failed to parse: pyproject.toml',
      "error: Couldn't parse requirement in `requirements.txt` at position 6",
    ])
      expect(words).to.match(hopeless)
    expect('Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2').not.to.match(hopeless)
  })

  it('has the code before what lies in it is installed, and git where that is fetched', () => {
    const uv = (more: string): string => `[project]\nname = "x"\nversion = "1"\ndependencies = ["shop"]\n${more}`
    const poetry = (more: string): string => `[tool.poetry.dependencies]\npython = "^3.11"\nshop = ${more}\n`
    const steps = (files: Files): string =>
      planOf({ 'main.py': '', ...files })
        .dockerfile.split('\n')
        .filter((line) => /^COPY|--no-install-recommends (?!gcc)|uv (?:sync|pip install)/.test(line))
        .map((line) => /^COPY .*?(?= \.)|git|uv \w+/.exec(line)?.[0] ?? '')
        .slice(0, 2)
        .join(', ')
    expect(steps({ 'pyproject.toml': uv('[tool.uv.sources]\nshop = { path = "shop" }\n') })).to.equal('COPY ., uv sync')
    expect(steps({ 'pyproject.toml': poetry('{ path = "shop", develop = true }') })).to.match(/^COPY \., uv pip/)
    const lock = '[[package]]\nname = "shop"\nsource = { editable = "shop" }\n'
    expect(steps({ 'pyproject.toml': uv(''), 'uv.lock': lock })).to.equal('COPY ., uv sync')
    for (const text of [uv('[tool.uv.sources]\nshop = { git = "https://x/y" }\n'), poetry('{ git = "https://x/y" }')])
      expect(planOf({ 'main.py': '', 'pyproject.toml': text }).dockerfile).to.match(/--no-install-recommends .*git/)
  })

  it('takes a package that setup.cfg, or a builder that pyproject.toml names, installs', () => {
    const built = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    for (const files of [
      { 'setup.cfg': '[metadata]\nname = shop\n[options]\ninstall_requires = flask\n' },
      { 'pyproject.toml': built },
    ]) {
      const { dockerfile, processTypes } = planOf({ 'shop/__main__.py': '', ...files })
      expect(dockerfile).to.match(/\nCOPY \. \.\nRUN .*uv venv -q \\\n && uv pip install \.\n/)
      expect(processTypes.web).to.equal('python -m shop')
    }
    for (const files of [{ 'setup.cfg': '[flake8]\n' }, { 'pyproject.toml': '[tool.ruff]\n' }])
      expect(complaintOf({ 'shop/__main__.py': '', ...files })).to.include('no stack recognised')
  })

  it('has compilers where the lock file has no wheel for the Python', () => {
    const debianOf = (file: string): string | undefined => {
      const files = { 'main.py': fastapi, 'pyproject.toml': manifest, 'uv.lock': lock + wheel('lxml', file) }
      return /^RUN apt-get.* --no-install-recommends (.*?) &&/m.exec(planOf(files).dockerfile)?.[1]
    }
    expect(debianOf('lxml-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl')).to.equal(undefined)
    expect(debianOf('lxml-1-cp39-abi3-manylinux_2_17_x86_64.whl')).to.equal(undefined)
    for (const file of ['lxml-1-cp312-cp312-manylinux_2_17_x86_64.whl', 'lxml-1-cp311-cp311-win_amd64.whl'])
      expect(debianOf(file)).to.equal('gcc g++ libc6-dev make libxml2-dev libxslt1-dev')
    const { dockerfile } = planOf({ 'requirements.txt': 'flask\nPsycopg2>2', 'app.py': flask })
    expect(dockerfile).to.match(/gcc .*libpq-dev[^]*FROM.*\nRUN apt-get.* libpq5 /)
    expect(planOf({ 'requirements.txt': 'flask\npsycopg2-binary', 'app.py': flask }).dockerfile).not.to.include('libpq')
  })

  it('runs the program that pyproject.toml names where there is nothing else to run', () => {
    const scripted = (scripts: string, files: Files = {}): Files => ({
      'pyproject.toml': `[project]\nname = "shop"\nversion = "1"\n[project.scripts]\n${scripts}`,
      'src/shop/__init__.py': 'def main(): ...\n',
      ...files,
    })
    const command = "python -c 'import sys; from shop import main; sys.exit(main())'"
    expect(web(scripted('shop = "shop:main"\n'))).to.equal(command)
    expect(web(scripted('seed = "shop.db:seed"\nserve = "shop:main"\n'))).to.equal(command)
    expect(web(scripted('shop = "shop:main"\n', { 'main.py': '' }))).to.equal('python main.py')
    const poetry = '[tool.poetry.dependencies]\nrich = "*"\n[tool.poetry.scripts]\nshop = "shop:main"\n'
    expect(web({ 'pyproject.toml': poetry })).to.equal(command)
    for (const scripts of ['a = "shop:a"\nb = "shop:b"\n', `a = "shop:main'; rm"\n`, 'a = 1\n'])
      expect(complaintOf(scripted(scripts))).to.include('nothing says how to start it')
  })

  it('finds the object of a framework wherever it is made', () => {
    const at = (requirement: string, files: Files): string =>
      (web({ 'requirements.txt': requirement, ...files }) ?? '').split(' --')[0] ?? ''
    expect(
      at('flask', {
        'wsgi.py': 'from site_ import create_app\napp = create_app()\n',
        'site_/__init__.py': 'from flask import Flask\ndef create_app():\n  a = Flask(__name__)\n',
      }),
    ).to.equal('gunicorn wsgi:app')
    expect(
      at('flask', {
        'flaskr/__init__.py': 'import flask\ndef create_app(test=None):\n  app = flask.Flask(__name__)\n',
      }),
    ).to.equal("gunicorn 'flaskr:create_app()'")
    expect(at('fastapi', { 'src/shop/main.py': fastapi })).to.equal('uvicorn shop.main:app')
    expect(at('fastapi', { 'app/__init__.py': '', 'app/main.py': fastapi })).to.equal('uvicorn app.main:app')
    expect(
      at('starlette', { 'main.py': 'from starlette.applications import Starlette\nsite = Starlette()\n' }),
    ).to.equal('uvicorn main:site')
    expect(at('streamlit', { 'app.py': 'import streamlit as st' })).to.equal('streamlit run app.py')
    expect(at('flask', { 'hello.py': flask })).to.equal('gunicorn hello:app')
    expect(at('falcon', { 'main.py': 'import falcon\napi = falcon.App()\n' })).to.equal('gunicorn main:api')
    expect(at('falcon', { 'main.py': 'import falcon.asgi\napi = falcon.asgi.App()\n' })).to.equal('uvicorn main:api')
    expect(at('sanic', { 'server.py': 'from sanic import Sanic\napp = Sanic("x")\n' })).to.equal('sanic server:app')
    expect(at('gradio', { 'app.py': 'import gradio as gr\n' })).to.equal('GRADIO_SERVER_PORT=$PORT python app.py')
    const aio = (run: string): string =>
      at('aiohttp', { 'main.py': `from aiohttp import web\napp = web.Application()\n${run}` })
    expect(aio("if __name__ == '__main__':\n    web.run_app(app)\n")).to.equal('gunicorn main:app')
    expect(aio("if __name__ == '__main__':\n    web.run_app(app, port=int(PORT))\n")).to.equal('python main.py')
    expect(aio('web.run_app(app)\n')).to.equal('python main.py')
    expect(web({ 'main.py': 'print()' })).to.equal('python main.py')
    expect(web({ 'setup.py': '', 'thing/__main__.py': '' })).to.equal('python -m thing')
    expect(complaintOf({ 'requirements.txt': 'x' })).to.match(
      /^this is a Python app \(requirements\.txt\), but nothing says how/,
    )
  })

  it('says as EXPOSE where a framework listens whatever PORT says', () => {
    const at = (run: string) => planOf({ 'requirements.txt': 'nicegui', 'main.py': `from nicegui import ui\n${run}\n` })
    const plan = at('ui.run()')
    expect(plan.dockerfile).to.include('\nEXPOSE 8080\nCMD ["/bin/sh","-c","exec python main.py"]')
    expect(plan.notes).to.deep.equal(['NiceGUI listens on 8080, which is PORT: config:set PORT=… chooses another'])
    expect(at("ui.run(title='x', port=3000)").dockerfile).to.include('\nEXPOSE 3000\n')
    expect(at("ui.run(port=int(os.environ['PORT']))").dockerfile).to.include('\nEXPOSE 8080\n')
    expect(at('ui.run(port=99999)').dockerfile).to.include('\nEXPOSE 8080\n')
    expect(planOf({ 'requirements.txt': 'flask', 'app.py': flask }).dockerfile).not.to.include('EXPOSE')
  })

  it('knows an app of a framework by its object, and any by the server that it brings', () => {
    const at = (requirements: string, text: string): string =>
      (web({ 'requirements.txt': requirements, 'app.py': text }) ?? '').split(' --')[0] ?? ''
    expect(at('blacksheep', 'from blacksheep import Application\nsite = Application()\n')).to.equal('uvicorn app:site')
    expect(at('connexion', 'import connexion\napp = connexion.AsyncApp(__name__)\n')).to.equal('uvicorn app:app')
    expect(at('esmerald', 'from esmerald import Esmerald\napp: Esmerald = Esmerald()\n')).to.equal('uvicorn app:app')
    expect(at('apiflask', 'from apiflask import APIFlask\napp = APIFlask(__name__)\n')).to.equal('gunicorn app:app')
    const configured = (body: string): string =>
      `with Configurator(settings={}) as config:\n    config.scan()\n\n${body}`
    expect(at('pyramid', configured('    app = config.make_wsgi_app()\n'))).to.equal('gunicorn app:app')
    expect(at('pyramid', 'config = x()\nwsgi = config.make_wsgi_app()\n')).to.equal('gunicorn app:wsgi')
    expect(at('pyramid', 'def main():\n    app = config.make_wsgi_app()\n')).to.equal('python app.py')
    expect(at('robyn', 'from robyn import Robyn\napp = Robyn(__file__)\napp.start()\n')).to.equal(
      'ROBYN_HOST=0.0.0.0 ROBYN_PORT=$PORT python app.py',
    )
    expect(at('novel\nuvicorn', 'app = Novel()\n')).to.equal('uvicorn app:app')
    expect(at('novel[uvicorn]', 'application = Novel()\n')).to.equal('uvicorn app:application')
    expect(at('novel\ngunicorn', 'app: Any = Novel()\n')).to.equal('gunicorn app:app')
    expect(at('novel', 'app = Novel()\n')).to.equal('python app.py')
    expect(at('typer\nuvicorn', 'app = typer.Typer()\n')).to.equal('python app.py')
  })

  it('shows a script by the program of the package that it is written for', () => {
    const at = (requirements: string, files: Files): string | null | undefined =>
      web({ 'requirements.txt': requirements, ...files })
    expect(at('shiny', { 'app.py': 'from shiny import App, ui\napp = App(ui, server)\n' })).to.equal(
      'shiny run --host 0.0.0.0 --port $PORT app.py',
    )
    expect(at('marimo', { 'notebook.py': 'import marimo\n', 'app.py': '' })).to.equal(
      'marimo run notebook.py --host 0.0.0.0 --port $PORT --headless',
    )
    expect(at('chainlit', { 'talk.py': 'import chainlit as cl\n' })).to.match(
      /^chainlit run talk\.py --host 0\.0\.0\.0/,
    )
    expect(at('panel', { 'app.py': 'import panel as pn\n' }))
      .to.include('panel serve app.py')
      .and.include("origin '*'")
    expect(at('streamlit\npandas', { 'main.py': '# streamlit\n' })).to.equal('python main.py')
  })

  it('installs the server that a command needs and the app lacks, and says so', () => {
    const plan = planOf({ 'requirements.txt': 'fastapi', 'main.py': fastapi })
    expect(plan.dockerfile).to.include('&& uv pip install uvicorn\n')
    expect(plan.notes).to.deep.equal([
      'uvicorn is installed to serve the app: add it to requirements.txt to choose its version',
    ])
    expect(planOf({ 'requirements.txt': 'fastapi[Standard]>=1', 'main.py': fastapi }).notes).to.deep.equal([])
    const declared = planOf({ 'requirements.txt': 'flask', 'app.py': flask, Procfile: 'web: gunicorn app:app' })
    expect(declared.dockerfile).to.include('uv pip install gunicorn')
    expect(declared).to.deep.include({ origin: 'Procfile', processTypes: { web: 'gunicorn app:app' } })
  })

  it('serves Django by its WSGI application and collects what its settings say', () => {
    const manage =
      "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nfrom django.core.management import x\n"
    const settings = "WSGI_APPLICATION = 'shop.wsgi.application'\nSTATIC_ROOT = 'x'\nDATABASES = {}\n"
    const plan = planOf({
      'requirements.txt': 'django\ngunicorn',
      'back/manage.py': manage,
      'back/shop/settings/base.py': settings,
      'back/shop/wsgi.py': '',
    })
    expect(plan.processTypes.web).to.match(/^gunicorn shop\.wsgi:application --chdir back --bind/)
    expect(plan.dockerfile).to.match(
      /COPY --chown=app:app \. \.\nRUN if \[ "\$\{DISABLE_COLLECTSTATIC:-0\}" = 0 \]; then .*python back\/manage\.py collectstatic --noinput; fi\n/,
    )
    expect(plan.notes.join('\n'))
      .to.include('release: python back/manage.py migrate --noinput')
      .and.include('whitenoise')
    const bare = planOf({
      'requirements.txt': 'django\ngunicorn',
      'manage.py': manage,
      'shop/settings.py': "ASGI_APPLICATION = 'shop.asgi.application'",
      'shop/wsgi.py': '',
    })
    expect(bare.processTypes.web).to.match(/^gunicorn shop\.wsgi:application --bind/)
    expect(bare.dockerfile).not.to.include('collectstatic')
    const channels = planOf({
      'requirements.txt': 'django\nchannels',
      'manage.py': manage,
      'shop/settings.py': "ASGI_APPLICATION = 'shop.asgi.application'",
      'shop/wsgi.py': '',
    })
    expect(channels.processTypes.web).to.match(/^uvicorn shop\.asgi:application --host/)
  })

  it('leaves to Node.js and to sites what is theirs', () => {
    const buildpackOf = (files: Files): string => planOf(files).buildpack
    expect(buildpackOf({ 'index.html': '', 'main.py': '' })).to.equal('static')
    const node = pkg({ scripts: { start: 'node x' } })
    expect(buildpackOf({ 'package.json': node, 'requirements.txt': 'flask', 'app.py': flask })).to.equal('nodejs')
    expect(buildpackOf({ 'package.json': node, 'app.py': flask })).to.equal('nodejs')
    expect(buildpackOf({ 'package.json': pkg(), 'requirements.txt': 'flask', 'app.py': flask })).to.equal('python')
    const declared = { 'package.json': node, 'requirements.txt': 'flask', 'app.py': flask }
    expect(buildpackOf({ ...declared, Procfile: 'web: gunicorn app:app' })).to.equal('python')
    expect(buildpackOf({ ...declared, Procfile: 'web: node x' })).to.equal('nodejs')
    expect(complaintOf({ 'Requirements.txt': 'flask', 'app.py': flask })).to.match(
      /^Requirements\.txt is not read[^]*git mv Requirements\.txt requirements\.txt/,
    )
    expect(complaintOf({ 'pyproject.toml': '[project]\nname = x\n', 'main.py': '' })).to.match(
      /^pyproject\.toml:2:8: not TOML/,
    )
  })
})
