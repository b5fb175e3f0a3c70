import { h, render } from 'preact'

const list = (greetings) => h('ul', null, ...greetings.map((greeting) => h('li', null, greeting)))

fetch('/api/greetings')
  .then((answer) => answer.json())
  .then((greetings) => render(list(greetings), document.body))
