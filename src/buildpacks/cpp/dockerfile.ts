import type { DeclaredProject } from './cmake.js'
import { toolsStage } from './tools-stage.js'
import { home, programBase, programImage } from '../image-lines.js'

/** How an app in C or C++ is built. */
export interface CppParts {
  /** What CMake or Meson is told; null where make builds. */
  readonly project: DeclaredProject | null
  /** Whether a configure script is run, or made first. */
  readonly configure: 'there' | 'made' | 'none'
  /** Whether its Makefile installs. */
  readonly installs: boolean
  /** Debian's packages of libraries. */
  readonly libraries: readonly string[]
  /** Where a Procfile looks for programs, beside bin: the path of each, and the program. */
  readonly links: Readonly<Record<string, string>>
  /** What runs as web; null where nothing does. */
  readonly command: string | null
}

/** What is compiled from: it stays where it was compiled. */
const sources = [
  '*.c',
  '*.cc',
  '*.cpp',
  '*.cxx',
  '*.h',
  '*.hh',
  '*.hpp',
  '*.o',
  '*.a',
  'CMakeLists.txt',
  'meson.build',
  'Makefile',
]
  .map((name) => `! -name '${name}'`)
  .join(' ')
// the times of programs that make has made are told from others by parts of a second
const copied = `find . -type f ${sources} -print0 | tar -c --format=posix --null -T - | tar -x -C /out`
/** Where the image that the programs will run in is seen: what it has of the libraries is not brought along. */
const base = '/mnt/base'
const linked = `find /out -type f -perm -u+x -exec ldd {} + 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" {print $3}' | sort -u | while read -r lib; do [ -e "${base}$lib" ] || cp -Lt /out/lib "$lib" || exit 1; done`
/** What a configuration compiles to see what there is counts for nothing. */
const counted = 'ccache -z > /dev/null'
const told = `ccache --print-stats | awk '/^cache_miss\\t/ {miss = $2} /^(direct|preprocessed)_cache_hit\\t/ {hit += $2} END {print "Compiled " miss + 0 " files; " hit + 0 " were in the cache"}'`

/**
 * What was compiled before is known by its text, in a cache: a changed line compiles its file alone. The image has the
 * programs, the libraries that they are linked with, and what is not source of the tree.
 */
export function dockerfileOf(parts: CppParts): string {
  const { project, command } = parts
  const libraries = [...(project?.tool === 'Meson' ? ['meson'] : []), ...parts.libraries]
  return [
    toolsStage,
    ...(libraries.length > 0
      ? [`RUN apt-get update -q && apt-get install -qy --no-install-recommends ${libraries.join(' ')}`]
      : []),
    'ENV CCACHE_DIR=/root/.cache/ccache PATH=/usr/lib/ccache:$PATH',
    `WORKDIR /src`,
    'COPY . .',
    `RUN --mount=type=cache,target=/root/.cache/ccache --mount=type=bind,from=${programBase},target=${base} \\`,
    ` mkdir -p /out/bin /out/lib && touch /tmp/before \\`,
    ...(project === null ? makeSteps(parts) : declaredSteps(project)).map((step) => ` && ${step} \\`),
    ...Object.entries(parts.links).map(
      ([path, program]) => ` && mkdir -p "$(dirname /out/${path})" && ln -sf ${home}/bin/${program} /out/${path} \\`,
    ),
    ` && ${linked} \\`,
    ` && ${told}`,
    '',
    ...programImage(command, { env: ` LD_LIBRARY_PATH=${home}/lib` }),
  ].join('\n')
}

const gathered = `for one in /stage${home} /stage/usr/local /stage/usr; do if [ -d $one ]; then cp -a $one/. /out/; fi; done`

/** How each configures, builds and installs. */
const tools = {
  CMake: [
    `cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=${home}`,
    'cmake --build /build',
    'DESTDIR=/stage cmake --install /build --strip',
  ],
  Meson: [
    `meson setup /build --buildtype=release --prefix=${home}`,
    'meson compile -C /build',
    'DESTDIR=/stage meson install -C /build --no-rebuild',
  ],
} as const

function declaredSteps({ tool, programs, installs }: DeclaredProject): string[] {
  const [configure, build, install] = tools[tool]
  const found = programs.map(
    (name) =>
      `{ [ -e /out/bin/${name} ] || cp "$(find /build -type f -perm -u+x -name '${name}' | head -n1)" /out/bin/; }`,
  )
  return [configure, counted, build, ...(installs ? [install, gathered] : []), ...found, copied]
}

/** What a Makefile makes is only seen when it is made: the program that appears is the web, or the one that is called so. */
function makeSteps({ configure, installs, command }: CppParts): string[] {
  return [
    ...(configure === 'made' ? ['autoreconf -fi'] : []),
    ...(configure === 'none' ? [] : [`./configure --prefix=${home}`]),
    counted,
    'make -j"$(nproc)"',
    ...(installs ? [`make install DESTDIR=/stage PREFIX=${home} prefix=${home}`, gathered] : []),
    copied,
    ...(command === webLink ? [linkedWeb] : []),
  ]
}

/** The name under which the one program that a Makefile makes is found. */
export const webLink = 'web'

const linkedWeb = [
  `{ cd /out && find . -type f -perm -u+x ! -name '*.so*' -newer /tmp/before -exec sh -c 'head -c4 "$1" | grep -q ELF' - {} ';' -print | sort | awk -F/ '!seen[$NF]++' > /tmp/programs`,
  ` && web=$(grep -E '/(web|server|app|main|httpd)$' /tmp/programs | head -n1) && [ "$(wc -l < /tmp/programs)" != 1 ] || web=$(cat /tmp/programs)`,
  ` ; if [ -z "$web" ]; then echo "berth: make made no program that is plainly the web process: $(echo $(cat /tmp/programs))"; exit 1; fi`,
  ` ; [ "$web" = ./bin/${webLink} ] || ln -sf "${home}/\${web#./}" bin/${webLink}; }`,
].join('')
