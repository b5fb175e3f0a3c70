import type { Tree } from '../tree.js'
import { quoted, type WebProcess } from './process.js'

/** Apps that are no more than a script, and the program of their package that shows them. */
const programs = [
  {
    name: 'streamlit',
    title: 'Streamlit',
    files: ['streamlit_app.py'],
    command: (file: string) =>
      `streamlit run ${file} --server.port $PORT --server.address 0.0.0.0 --server.headless true`,
  },
  {
    name: 'shiny',
    title: 'Shiny',
    files: [],
    command: (file: string) => `shiny run --host 0.0.0.0 --port $PORT ${file}`,
  },
  {
    name: 'chainlit',
    title: 'Chainlit',
    files: [],
    command: (file: string) => `chainlit run ${file} --host 0.0.0.0 --port $PORT --headless`,
  },
  {
    name: 'marimo',
    title: 'marimo',
    files: ['notebook.py'],
    command: (file: string) => `marimo run ${file} --host 0.0.0.0 --port $PORT --headless`,
  },
  {
    name: 'panel',
    title: 'Panel',
    files: [],
    command: (file: string) => `panel serve ${file} --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'`,
  },
  {
    name: 'bokeh',
    title: 'Bokeh',
    files: [],
    command: (file: string) => `bokeh serve ${file} --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'`,
  },
]

/** What shows a script that imports the package of such a program; null where there is none. */
export function shown(tree: Tree, names: ReadonlySet<string>): WebProcess | null {
  const own = tree.names().filter((name) => name.endsWith('.py'))
  for (const { name, title, files, command } of programs) {
    if (!names.has(name)) continue
    const imports = new RegExp(`^\\s*(?:from|import)\\s+${name}\\b`, 'm')
    const file = [...files, 'app.py', 'main.py', ...own].find((one) => imports.test(tree.read(one) ?? ''))
    if (file !== undefined) return { framework: title, command: command(quoted(file)) }
  }
  return null
}
