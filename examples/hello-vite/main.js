import { h, render } from 'preact'

const [, page, name] = location.pathname.split('/')

render(h('h1', null, page === 'greet' ? `Hello, ${decodeURIComponent(name)}` : 'Hello from Vite'), document.body)
