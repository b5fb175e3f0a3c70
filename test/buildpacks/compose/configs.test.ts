import { expect } from 'chai'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { detect } from '../../../src/buildpacks/detect.js'
import { SourceError } from '../../../src/buildpacks/source-error.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { withTree, type Files } from '../trees.js'

const plan = (text: string, files: Files = {}): Plan =>
  withTree({ 'compose.yaml': text, ...files }, (directory) => detect(directoryTree(directory), { LEVEL: '2' }))

describe('the configs of a compose file', () => {
  it('are copied over the image that a service runs', () => {
    const { images, ...web } = plan(
      `
services:
  web: {image: nginx, configs: [site, {source: inline, target: /etc/app/x.conf, uid: "101", mode: 0440}]}
  same: {image: nginx, configs: [site, {source: inline, target: /etc/app/x.conf, uid: "101", mode: 0440}]}
  plain: {image: nginx}
configs:
  site: {file: ./conf/site.conf}
  inline: {content: "level = \${LEVEL}\\ncost = $$1\\n"}
`,
      { 'conf/site.conf': 'x' },
    )
    expect(web).to.include({
      dockerfile: [
        'FROM nginx',
        'COPY --chown=0:0 --chmod=0444 ["conf/site.conf","/site"]',
        'COPY --chown=101:0 --chmod=0440 <<"END_OF_BERTH_CONFIG" /etc/app/x.conf',
        'level = 2',
        'cost = $1',
        'END_OF_BERTH_CONFIG',
        '',
      ].join('\n'),
      dockerignore: '**\n!conf/site.conf',
    })
    expect(Object.keys(images ?? {})).to.deep.equal(['plain'])
    expect(images?.plain).to.include({ dockerfile: 'FROM nginx\n', dockerignore: '**' })
  })

  for (const [service, configs, words] of [
    ['configs: [a]', 'a: {environment: X}', /configs\.a\.environment is not supported/],
    ['configs: [a]', 'a: {external: true}', /configs\.a\.external is not supported/],
    ['configs: [a]', 'a: {template_driver: x, content: y}', /template_driver is not supported/],
    ['configs: [a]', 'a: {name: x}', /configs\.a says not what is in it/],
    ['configs: [a]', 'a: {file: ../x}', /outside what is deployed/],
    ['configs: [a]', 'a: {file: none}', /"none", which is not among what is deployed/],
    ['configs: [a]', 'a: {file: "odd$x"}', /configs\.a\.file/],
    ['configs: [{source: a, target: x}]', 'a: {content: x}', /configs\[0\] is "x 0 0 0444"/],
    ['configs: [{source: a, target: /../x}]', 'a: {content: x}', /configs\[0\] is/],
    ['configs: [{source: a, uid: "0 x"}]', 'a: {content: x}', /configs\[0\] is/],
    ['configs: [a]', 'a: {content: "x\\nEND_OF_BERTH_CONFIG\\nRUN id"}', /has a line END_OF_BERTH_CONFIG/],
    [
      'configs: [a]\n    build: {dockerfile_inline: FROM x}',
      'a: {content: x}',
      /configs is not supported beside build/,
    ],
  ] as const)
    it(`are refused by name: ${service.split('\n')[0] ?? ''} of ${configs}`, () => {
      const text = `services:\n  web:\n    image: debian\n    ${service}\nconfigs:\n  ${configs}\n`
      expect(() => plan(text, { odd$x: '' }))
        .to.throw(SourceError)
        .with.property('message')
        .that.matches(words)
    })
})
