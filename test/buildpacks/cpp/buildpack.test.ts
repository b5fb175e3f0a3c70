import { expect } from 'chai'
import { cppReason } from '../../../src/buildpacks/cpp/failure.js'
import { developmentPackages } from '../../../src/buildpacks/cpp/libraries.js'
import { toolsStage } from '../../../src/buildpacks/cpp/tools-stage.js'
import { complaintOf, planOf, type Files } from '../trees.js'

const cmake = (more = 'add_executable(shop main.cpp)\n'): Files => ({ 'CMakeLists.txt': `project(shop CXX)\n${more}` })
const types = (files: Files) => planOf(files).processTypes
const make = (files: Files = {}): Files => ({ Makefile: 'all:\n', 'main.c': '', ...files })

describe('the C/C++ buildpack', () => {
  it('builds and installs by CMake', () => {
    const plan = planOf({ ...cmake('add_executable(shop main.cpp)\ninstall(TARGETS shop)\n') })
    expect(plan).to.deep.include({
      buildpack: 'cpp',
      found: 'C/C++ app (CMake)',
      processTypes: { web: 'shop' },
      notes: [],
    })
    expect(plan.dockerfile)
      .to.match(/^FROM debian:bookworm-slim AS build\nRUN apt-get .* cmake /)
      .and.include('DESTDIR=/stage cmake --install /build --strip')
      .and.include('COPY --from=build --chown=app:app /out /app')
      .and.include('CMD ["/bin/sh","-c","exec shop"]')
    expect(planOf(cmake()).dockerfile).not.to.include('--install /build')
  })

  it('makes a process type of every program that CMakeLists.txt name', () => {
    expect(
      types(cmake('# add_executable(old x.c)\nadd_executable(${PROJECT_NAME} a.c)\nadd_executable(work b.c)\n')),
    ).to.deep.equal({ web: 'shop', work: 'work' })
    expect(
      types(cmake('set(NAME daemon)\nadd_executable("${NAME}"\n  a.c)\nadd_executable(unit_tests t.c)\n')),
    ).to.deep.equal({ web: 'daemon' })
    const below = {
      'src/CMakeLists.txt': 'add_executable(server s.c)\nadd_subdirectory(../src)\n',
      'tests/CMakeLists.txt': 'add_executable(t t.c)\n',
    }
    expect(types({ ...cmake('add_subdirectory(src)\nadd_subdirectory(tests)\n'), ...below })).to.deep.equal({
      web: 'server',
    })
    expect(complaintOf(cmake('add_executable(a a.c)\nadd_executable(b b.c)\n'))).to.match(
      /several programs.*: a, b\nname it in a Procfile/,
    )
    expect(complaintOf(cmake('add_library(x x.c)\nadd_executable($(reboot) x.c)\n'))).to.include(
      'no add_executable whose name can be read',
    )
  })

  it('builds and installs by Meson', () => {
    const meson = (text: string): Files => ({ 'meson.build': `project('shop', 'cpp')\n${text}`, 'main.cpp': '' })
    const plan = planOf(meson("executable('shop', 'main.cpp', dependencies: dependency('libcurl'), install : true)\n"))
    expect(plan).to.deep.include({ found: 'C/C++ app (Meson)', processTypes: { web: 'shop' } })
    expect(plan.dockerfile)
      .to.match(/--no-install-recommends meson libcurl4-openssl-dev\n/)
      .and.include('meson setup /build --buildtype=release --prefix=/app')
      .and.include('DESTDIR=/stage meson install -C /build')
    const below = {
      ...meson("subdir('src')\n# executable('old', 'x.c')\n"),
      'src/meson.build': "executable(meson.project_name(), 'm.c')\nexecutable('work', 'w.c')\n",
    }
    expect(types(below)).to.deep.equal({ web: 'shop', work: 'work' })
    expect(planOf(below).dockerfile).not.to.include('meson install')
    expect(complaintOf(meson("executable(name, 'm.c')\n"))).to.include('no executable() whose name can be read')
    expect(planOf({ ...cmake(), ...meson('') }).found).to.equal('C/C++ app (CMake)')
  })

  it('finds programs where a Procfile looks for them', () => {
    const { processTypes, dockerfile } = planOf({ ...cmake(), Procfile: 'web: ./build/src/shop -p $PORT\n' })
    expect(processTypes).to.deep.equal({ web: './build/src/shop -p $PORT' })
    expect(dockerfile).to.include('ln -sf /app/bin/shop /out/build/src/shop')
    expect(planOf({ ...cmake(), Procfile: 'web: shop\n' }).dockerfile).not.to.include('/out/shop')
  })

  it('builds by make what has sources, and by configure what has that', () => {
    expect(planOf(make())).to.deep.include({ found: 'C/C++ app (make)', processTypes: { web: 'web' } })
    expect(planOf(make()).dockerfile).to.include('bin/web; }').and.not.include('make install')
    expect(planOf(make({ Makefile: 'install: all\n' })).dockerfile).to.include(
      'make install DESTDIR=/stage PREFIX=/app',
    )
    expect(planOf(make({ Procfile: 'web: ./main\n' })).dockerfile).not.to.include('bin/web; }')
    expect(planOf({ configure: '', 'src/main.c': '' }).dockerfile)
      .to.include(' && ./configure --prefix=/app')
      .and.not.include('autoreconf')
    expect(planOf({ 'configure.ac': '', 'src/main.cc': '' }).dockerfile).to.include(' && autoreconf -fi ')

    expect(complaintOf({ Makefile: 'all:\n' })).to.include('no stack recognised')
    expect(planOf(make({ 'go.mod': 'module x\n', 'main.go': 'package main\nfunc main() {}\n' })).buildpack).to.equal(
      'go',
    )
  })

  it('installs the libraries that build files ask for', () => {
    expect(developmentPackages('find_package(OpenSSL REQUIRED)\nfind_package(Threads)\n')).to.deep.equal(['libssl-dev'])
    expect(developmentPackages('pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9)')).to.deep.equal([
      'libmicrohttpd-dev',
    ])
    expect(developmentPackages('LDLIBS = -lpq -lz -lpthread\n')).to.deep.equal(['libpq-dev', 'zlib1g-dev'])
    expect(developmentPackages('CFLAGS += $(shell pkg-config --cflags libcurl)\n')).to.deep.equal([
      'libcurl4-openssl-dev',
    ])
    expect(developmentPackages('find_package(Boostless)\n-lzebra\n')).to.deep.equal([])
    expect(planOf(make({ Makefile: 'LDLIBS=-lsqlite3\n# -lpq\n' })).dockerfile).to.include(' libsqlite3-dev\nENV')
  })

  it('has the packages of an Aptfile after what all apps have in common', () => {
    const { dockerfile } = planOf({ ...cmake(), Aptfile: 'libfoo-dev\n' })
    const install = / && DEBIAN_FRONTEND=\S+ apt-get install -qy --no-install-recommends libfoo-dev && /
    const stages = dockerfile.split(/^(?=FROM )/m)
    expect(stages[0]).to.satisfy((text: string) => text.startsWith(`${toolsStage}\nRUN `) && install.test(text))
    expect(stages[1]).to.match(install)
    expect(dockerfile.match(/ libfoo-dev /g)).to.have.length(2)
  })

  it('refuses what has its packages elsewhere, and says what is fetched', () => {
    expect(complaintOf({ ...cmake(), 'vcpkg.json': '{}' })).to.include('vcpkg.json: packages of vcpkg are not fetched')
    expect(complaintOf({ ...cmake(), 'conanfile.txt': '' })).to.include('Conan')
    const fetching = cmake('FetchContent_Declare(x)\nadd_executable(a a.c)\n')
    expect(planOf(fetching).notes[0]).to.include('fetches sources when it is built')
  })

  it('reads why a build failed', () => {
    const told: Readonly<Record<string, string>> = {
      '/src/a/b.cpp:3:9: fatal error: foo.h: No such file or directory': 'a/b.cpp:3:9: foo.h is not there',
      "/src/main.cpp:3:9: error: 'x' was not declared": "it does not compile: main.cpp:3:9: 'x' was not declared",
      "main.c:1:1: error: expected ';'": "it does not compile: main.c:1:1: expected ';'",
      'CMake 3.30 or higher is required.  You are running version 3.25.1': 'asks for CMake 3.30, and Debian has 3.25.1',
      'Could not find a package configuration file provided by "Foo" with any of': 'CMake does not find Foo',
      "main.c:(.text+0x5): undefined reference to `foo'": 'nothing defines foo',
      '/usr/bin/ld: cannot find -lfoo: No such file': 'the library foo is not there',
      "make: *** No rule to make target 'x.c', needed by 'x'.  Stop.":
        "make: No rule to make target 'x.c', needed by 'x'.",
      'berth: make made no program that is plainly the web process: ./a ./b': './a ./b\nname it in a Procfile',
    }
    for (const [line, words] of Object.entries(told)) expect(cppReason(['x', line]), line).to.include(words)
    expect(cppReason(['ninja: build stopped'])).to.equal(null)
  })
})
