import eslint from '@eslint/js'
import tseslint from 'typescript-eslint'

/** DESIGN.md, "who may know whom": each room lists what it may import of the others; root files are everyone's. */
const rooms = {
  git: ['queue', 'store'],
  queue: ['buildpacks', 'scheduler', 'store', 'plugins'],
  buildpacks: [],
  scheduler: ['store'],
  router: ['store'],
  store: [],
  api: ['git', 'queue', 'store', 'buildpacks', 'scheduler'],
  cli: ['api/contract', 'api/client', 'buildpacks', 'serve'],
  serve: ['store', 'buildpacks/procfile', 'cli/credentials'],
  plugins: [],
  engine: [],
}

const walls = Object.entries(rooms).map(([room, allowed]) => ({
  files: [`src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(?!(${[room, ...allowed].join('|')})(/|\\.js$)|[a-z-]+\\.js$)(${Object.keys(rooms).join('|')})/`,
            message: `src/${room} may not know this room (DESIGN.md, "who may know whom")`,
          },
        ],
      },
    ],
  },
}))

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'examples/', 'test/**/fixtures/'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } },
    rules: {
      'max-lines': ['error', { max: 350, skipComments: true, skipBlankLines: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'named exports only' }],
    },
  },
  ...walls,
  {
    files: ['src/engine/*/*.ts', 'src/engine/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\.\\./\\.\\./', message: 'the engine imports nothing from the rest of src' }] },
      ],
    },
  },
  {
    files: ['src/engine/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\.\\./', message: 'the engine imports nothing from the rest of src' }] },
      ],
    },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unused-expressions': 'off' } },
  {
    files: ['eslint.config.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
