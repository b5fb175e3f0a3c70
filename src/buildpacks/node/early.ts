import type { Tree } from '../tree.js'

/** Config vars of package managers, of the network, and of packages that fetch or leave out a program when they are installed. */
const known = [
  ...['NPM_*', 'npm_*', 'NODE_*', 'YARN_*', 'PNPM_*', 'BUN_*', 'CI', 'JOBS'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['PUPPETEER_*', 'PLAYWRIGHT_*', 'CYPRESS_*', 'ELECTRON_*', 'PRISMA_*', 'SENTRYCLI_*', 'SHARP_*'],
]
const settings = ['.npmrc', '.yarnrc', '.yarnrc.yml', '.pnpmfile.cjs', 'pnpm-workspace.yaml', 'bunfig.toml']
/** `${NPM_TOKEN}`, `$NPM_TOKEN` of Bun's, and what a program of pnpm's reads. */
const named = /\$\{?([A-Za-z_]\w*)|\bprocess\.env\.([A-Za-z_]\w*)/g
const many = 50

/** The config vars that an installation depends on: those of its tools, and those that its settings name. */
export function earlyVariables(tree: Tree): readonly string[] {
  const texts = settings.map((file) => (tree.hasFile(file) ? (tree.read(file) ?? '') : ''))
  const names = texts.flatMap((text) => [...text.matchAll(named)].map(([, one, other]) => one ?? other ?? ''))
  return [...new Set([...known, ...names.slice(0, many)])]
}
