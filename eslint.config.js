import eslint from '@eslint/js'
import tseslint from 'typescript-eslint'
import { engineCommons, engineFloors, platform } from './rooms.js'

const walls = Object.entries(platform).map(([room, allowed]) => ({
  files: [`src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths:
          room === 'engine-client'
            ? []
            : [{ name: 'dockerode', message: 'only src/engine-client speaks to an engine' }],
        patterns: [
          {
            regex: `^(\\.\\./)+(?!(${[room, 'lib', ...allowed].join('|')})(/|\\.js$)|[a-z-]+\\.js$)(${Object.keys(platform).join('|')})/`,
            message: `src/${room} may not know this room (rooms.js)`,
          },
        ],
      },
    ],
  },
}))

const engineWalls = engineFloors.flatMap((floor, height) =>
  floor.map((room) => {
    const below = engineFloors.slice(0, height).flat()
    const allowed = [`(${engineCommons.join('|')})\\.js$`, ...(below.length > 0 ? [`(${below.join('|')})/`] : [])]
    return {
      files: [`src/engine/${room}/*.ts`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              { regex: `^\\.\\./(?!${allowed.join('|')})`, message: `src/engine/${room} may not know this (rooms.js)` },
            ],
          },
        ],
      },
    }
  }),
)

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'examples/', 'test/**/fixtures/'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js'] } } },
    rules: {
      'max-lines': ['error', { max: 350, skipComments: true, skipBlankLines: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'named exports only' }],
    },
  },
  ...walls,
  {
    files: ['engine-client', 'buildpacks', 'stacks', 'builds', 'scheduler', 'router'].map(
      (room) => `src/${room}/**/*.ts`,
    ),
    rules: { 'max-params': ['error', 4] },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }] },
  },
  {
    // a plan is one object, and names all that an app's files say
    files: ['src/buildpacks/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }] },
  },
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
  ...engineWalls,
  {
    files: ['plugins/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(\\.\\./|zod|berth/(?!plugin$))',
              message: 'a plugin imports its own files and berth/plugin alone',
            },
          ],
        },
      ],
    },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unused-expressions': 'off' } },
  {
    files: ['*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
    rules: { 'no-restricted-syntax': 'off' },
  },
)
