import { expect } from 'chai'
import { detect } from '../../../src/buildpacks/detect.js'
import { SourceError } from '../../../src/buildpacks/source-error.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { withTree, type Files } from '../trees.js'

/** Message and hint of the refusal of a tree with this compose file. */
function refusal(text: string, files: Files = {}): string {
  return withTree({ 'compose.yaml': text, ...files }, (directory) => {
    try {
      detect(directoryTree(directory), {})
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      return `${error.message} | ${error.hint ?? ''}`
    }
    return expect.fail('it was taken')
  })
}

const one = (lines: string, files?: Files): string =>
  refusal(`services:\n  web:\n    image: debian\n${lines.replace(/^(?=.)/gm, '    ')}\n`, files)

describe('a compose file that wants what Berth does not do', () => {
  for (const [lines, words] of [
    ['privileged: true', /^compose\.yaml:4:1: services\.web\.privileged is "true".*\| .*no rights beyond.*take it out/],
    ['cap_add: [NET_ADMIN]', /:4:1: services\.web\.cap_add is not supported \| .*take it out/],
    ['devices: ["/dev/kvm"]', /web\.devices is not supported/],
    ['device_cgroup_rules: ["c 1:3 mr"]', /web\.device_cgroup_rules is not/],
    ['security_opt: ["seccomp:unconfined"]', /security_opt\[0\] is "seccomp:unconfined"/],
    ['network_mode: host', /network_mode is "host", which is not supported \| .*below networks/],
    ['network_mode: "service:vpn"', /network_mode is "service:vpn"/],
    ['pid: host', /web\.pid is "host"/],
    ['ipc: host', /web\.ipc is "host"/],
    ['userns_mode: host', /userns_mode is "host"/],
    ['uts: host', /web\.uts is "host"/],
    ['cgroup_parent: x', /cgroup_parent is not/],
    ['sysctls: {net.core.somaxconn: 1}', /sysctls is not/],
    ['runtime: nvidia', /runtime is not/],
    ['gpus: all', /gpus is not supported \| .*no process a GPU/],
    ['deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}', /reservations has devices/],
    ['volumes: [".:/app"]', /volumes\[0\] mounts "\." of the machine \| .*COPY them.*named volume/],
    [
      'volumes:\n  - data:/x\n  - /var/run/docker.sock:/var/run/docker.sock',
      /:6:1: .*mounts "\/var\/run\/docker\.sock"/,
    ],
    ['volumes: ["~/x:/y"]', /mounts "~\/x"/],
    ['volumes: ["${HOME_DIR:-./x}/y:/z"]', /mounts "\.\/x\/y"/],
    ['volumes: [{type: bind, source: ./x, target: /y}]', /mounts "\.\/x"/],
    ['volumes: [{type: npipe, source: x, target: /y}]', /mounts "x"/],
    ['volumes: ["nobody:/x"]', /names the volume "nobody", which the file does not have \| add nobody:/],
    ['volumes: ["data:x"]\n', /"x" for its place/],
    ['volumes: ["/"]', /"\/" for its place/],
    ['tmpfs: [/x, /x]\nvolumes: [/x]', /two mounts at one place/],
    ['volumes_from: [x]', /volumes_from is not supported/],
    ['secrets: [token]', /web\.secrets is not supported \| .*config:set/],
    ['configs: [nginx]', /web\.configs\[0\] names the config "nginx", which the file does not have/],
    [
      'extends: {service: base}',
      /:4:1: services\.web\.extends names the service "base", which compose\.yaml does not have/,
    ],
    ['extends: web', /web\.extends is a circle/],
    ['extends: {service: x, file: ../x.yaml}', /extends is "\.\.\/x\.yaml", which is outside/],
    ['extends: {service: x, file: none.yaml}', /names "none\.yaml", which is not among what is deployed/],
    ['extends: {service: x, path: y}', /extends\.path is not known/],
    ['external_links: [x]', /external_links is not/],
    ['links: ["db:database"]', /links\[0\] calls "db" "database"/],
    ['env_file: ../secret.env', /env_file is "\.\.\/secret\.env", which is outside/],
    ['env_file: /etc/passwd', /is "\/etc\/passwd", which is outside/],
    ['env_file: .env', /names "\.env", which is not among what is deployed \| .*ignored by git\?.*required: false/],
    ['depends_on: [nobody]', /depends_on names "nobody", which the file does not have/],
    ['depends_on: [web]', /depends_on is a circle/],
    ['depends_on: {web: {condition: service_completed_successfully}}', /to end, which is not supported/],
    ['depends_on: {web: {condition: ready}}', /"ready" for a condition/],
    ['networks: [nobody]', /names the network "nobody"/],
    ['networks: {default: {ipv4_address: 10.0.0.2}}', /ipv4_address is not supported/],
    ['restart: sometimes', /restart is "sometimes"/],
    ['enviroment: {A: 1}', /enviroment is not known \| is environment meant\?/],
    ['nonsense: 1', /nonsense is not known \| take it out/],
    ['healthcheck: {}', /healthcheck has no test/],
    ['healthcheck: {test: [curl, x]}', /does not begin with CMD/],
    ['healthcheck: {test: x, interval: soon}', /interval is "soon", which is no duration/],
    ['healthcheck: {test: x, retry: 1}', /healthcheck\.retry is not known/],
    ['ports: ["web"]', /"web" for a port/],
    ['ports: ["70000"]', /"70000" for a port/],
    ['mem_limit: much', /mem_limit is "much"/],
    ['mem_limit: 1k', /mem_limit is "1k"/],
    ['cpus: many', /cpus is "many" \| a number from/],
    ['scale: 1000', /scale is "1000"/],
    ['deploy: {replicas: -1}', /replicas is "-1"/],
    ['deploy: {replica: 1}', /replica is not known \| is replicas meant/],
    ['stop_grace_period: 1h', /at most 10m/],
    ['stop_signal: please', /stop_signal is "please"/],
    ['user: "a b"', /user is "a b"/],
    ['extra_hosts: ["host.docker.internal:host-gateway"]', /is host-gateway/],
    ['command: echo "x', /command cannot be read: it ends within "/],
    ['command: echo ${X', /no variable as Compose writes it \| a dollar sign is written \$\$/],
    [
      'environment: {A: "${KEY:?the key}"}',
      /:4:1: services\.web\.environment\.A wants KEY: the key \| berth config:set KEY=/,
    ],
    ['environment: {"A B": 1}', /"A B" for a name/],
    ['image: {a: b}', /twice/],
    ['provider: {type: x}', /provider is not/],
    ['read_only: perhaps', /read_only is "perhaps" \| write true or false/],
    ['ulimits: {nofile: lots}', /nofile is "lots"/],
    ['post_start: [{command: x}]', /post_start is not/],
  ] as const)
    it(`is refused: ${lines.replaceAll('\n', ' ')}`, () => expect(one(lines)).to.match(words))

  for (const [build, words] of [
    ['..', /services\.web\.build is "\.\.", which is outside what is deployed \| .*--compose/],
    ['{context: ../../x}', /build\.context is "\.\.\/\.\.\/x"/],
    ['/srv/app', /is "\/srv\/app", which is outside/],
    ['https://git.example/x.git', /is "https:\/\/git\.example\/x\.git" \| .*submodule/],
    ['git@git.example:x', /is "git@git/],
    ['nowhere', /is "nowhere", and there is no such folder/],
    ['link', /is "link", and there is no such folder/],
    ['{context: ., ssh: [default]}', /build\.ssh is not supported \| .*--mount=type=secret/],
    ['{context: ., privileged: true}', /build\.privileged is not/],
    ['{context: ., secrets: [x]}', /build\.secrets is not/],
    ['{context: ., network: host}', /build\.network is host/],
    ['{context: ., additional_contexts: {a: ../b}}', /additional_contexts is not/],
    ['{context: ., dockerfil: x}', /dockerfil is not known \| is dockerfile meant/],
    ['{context: ., dockerfile: no}', /cannot be built: .*names no, and there is no such file/],
    ['{context: ., target: no}', /cannot be built: .*no stage is named "no"/],
    ['{context: ., dockerfile: ../Dockerfile}', /cannot be built/],
  ] as const)
    it(`is refused: build: ${build}`, () =>
      expect(
        refusal(`services:\n  web:\n    build: ${build}\n`, {
          link: { to: '/etc' },
          'tools/x': '',
          'compose.yaml': `services:\n  web:\n    build: ${build}\n`,
          '.berth-compose': 'compose.yaml',
          Dockerfile: 'FROM debian\n',
        }),
      ).to.match(words))

  for (const [text, words] of [
    ['', /the file has no services/],
    ['services: {}', /has no services/],
    ['services: [a]', /services is no map/],
    ['services: {web: }', /web has neither build nor image/],
    ['services: {web: x}', /web is no map/],
    ['- a', /a map was expected/],
    ['services: {web: {image: "-x"}}', /is "-x", which is no name of an image/],
    ['services: {web: {image: "a\\nRUN x"}}', /no name of an image/],
    ['services: {"a b": {image: a}}', /cannot be the name of a process type/],
    ['services: {run: {image: a}}', /a name that Berth uses itself/],
    ['services: {a.b: {image: a}, a-b: {image: b}}', /are one name in Berth/],
    ['services: {a: {image: a, ports: ["1"]}, b: {image: b, ports: ["2"]}}', /x-berth: \{web: true\}/],
    ['services: {a: {image: a, ports: [1]}, b: {build: .., ports: [2]}, c: {build: .., ports: [2]}}', /one answers/],
    ['services: {web: {image: a}, b: {image: b, x-berth: {web: true}}}', /the name that b has in Berth/],
    ['services: {a: {image: a, x-berth: {web: true}}, b: {image: b, x-berth: {web: true}}}', /as another is/],
    ['services: {web: {image: a, profiles: [x]}}', /every service has profiles/],
    ['services: {web: {image: a, depends_on: [b]}, b: {image: a, profiles: [x]}}', /not started: it has profiles/],
    ['services: {web: {image: a, depends_on: [b]}, b: {image: a, depends_on: [web]}}', /is a circle/],
    ['services: {web: {image: a}}\nsecrets: {x: {file: x}}', /:2:1: secrets is not supported/],
    ['services: {web: {image: a}}\ninclude: [other.yaml]', /include is not supported \| .*in this file/],
    ['service: {web: {image: a}}', /service is not known: is services meant\?/],
    ['services: {web: {image: a}}\nvolumes: {x: {external: true}}', /volumes\.x\.external is not supported/],
    ['services: {web: {image: a}}\nvolumes: {x: {driver: nfs}}', /volumes\.x\.driver is "nfs"/],
    ['services: {web: {image: a}}\nvolumes: {x: {driver_opts: {type: nfs}}}', /driver_opts is not supported/],
    ['services: {web: {image: a}}\nnetworks: {x: {external: true}}', /networks\.x\.external is not supported/],
    [
      `services: {web: {image: a}}\nnetworks: {${Array.from({ length: 11 }, (_, at) => `n${at}: `).join(', ')}}`,
      /networks are 12, with the default one \| at most 10/,
    ],
    ['services: {web: {image: a}}\nnetworks: {x: {driver: macvlan}}', /networks\.x\.driver is "macvlan"/],
  ] as const)
    it(`is refused: ${JSON.stringify(text)}`, () => expect(refusal(text)).to.match(words))

  it('is told all at once, in the order of its lines', () => {
    const text =
      'services:\n  web:\n    image: a\n    privileged: true\n    cap_add: [X]\n  db:\n    image: b\n    pid: host\n'
    const [first, second, third = '', ...rest] = refusal(text).split('\n')
    expect(first).to.match(/^compose\.yaml:4:1: services\.web\.privileged is "true".*: .*take it out/)
    expect(second).to.match(/^compose\.yaml:5:1: services\.web\.cap_add/)
    expect(third).to.match(/^compose\.yaml:8:1: services\.db\.pid.* \| nothing was changed/)
    expect(rest).to.deep.equal([])
  })

  it('is bounded, whatever it is', () => {
    const many = (count: number, line: (n: number) => string): string =>
      Array.from({ length: count }, (_, n) => line(n)).join('')
    expect(refusal(`services:\n${many(51, (n) => `  s${n}: {image: a}\n`)}`)).to.match(/has 51 services/)
    expect(refusal(`services:\n${many(8_000, (n) => `  s${n}: {}\n`)}`)).to.match(/more than 65536 characters/)
    expect(refusal(`services: {web: {image: a, command: "${'x'.repeat(70_000)}"}}`)).to.match(
      /more than 65536 characters/,
    )
    expect(
      refusal(
        `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${many(9, () => '*a,')}]\nc: &c [${many(9, () => '*b,')}]\nd: &d [${many(9, () => '*c,')}]\ne: [${many(9, () => '*d,')}]`,
      ),
    ).to.match(/more than 10000 values/)
    expect(refusal(`services: {web: ${'{a: '.repeat(60)}1${'}'.repeat(61)}`)).to.match(/nested too deeply/)
    expect(refusal(`services:\n  web:\n    image: a\n${many(300, (n) => `    k${n}: 1\n`)}`)).to.match(/and 280 more/)
    expect(refusal(`services: {web: {image: a, environment: [${many(600, (n) => `V${n}=1,`)}]}}`)).to.match(
      /600 variables/,
    )
    const env = { '.env': `BIG=${'x'.repeat(60_000)}\n` }
    expect(refusal(`services: {web: {image: a, environment: [${many(30, (n) => `V${n}=$BIG,`)}]}}`, env)).to.match(
      /too much/,
    )
  })
})
