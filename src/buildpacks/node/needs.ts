import type { PackageJson } from './package-json.js'
import { has, staysInProduction } from './package-json.js'
import { commandsOf, resolved } from './commands.js'

/** Packages whose programs have other names than they. */
const packageOf: Readonly<Record<string, readonly string[]>> = {
  tsc: ['typescript'],
  nest: ['@nestjs/cli'],
  'react-router-serve': ['@react-router/serve'],
  'remix-serve': ['@remix-run/serve'],
  'babel-node': ['@babel/node'],
  dotenv: ['dotenv-cli'],
  'ts-node-dev': ['ts-node-dev'],
  tsnd: ['ts-node-dev'],
  'ts-node-esm': ['ts-node'],
  'run-s': ['npm-run-all', 'npm-run-all2'],
  'run-p': ['npm-run-all', 'npm-run-all2'],
  ng: ['@angular/cli'],
  sequelize: ['sequelize-cli'],
  medusa: ['@medusajs/cli'],
  'node-pg-migrate': ['node-pg-migrate'],
  swc: ['@swc/cli'],
  'swc-node': ['@swc-node/register'],
}
/** Words of a `node` command after which a package is loaded first. */
const loads = new Set(['-r', '--require', '--import', '--loader', '--experimental-loader'])

/** A program that runs in production, and the package it comes from, which is there for development only. */
export interface DevelopmentNeed {
  readonly program: string
  readonly name: string
}

/** What some commands run that goes when what is for development is taken away; null when they run nothing of the kind. */
export function developmentNeed(pkg: PackageJson, commands: readonly string[]): DevelopmentNeed | null {
  const only = (name: string): boolean => has(pkg, name) && !staysInProduction(pkg, name)
  for (const line of commands) {
    // a wrapper (`cross-env`) is needed as much as what it wraps
    const words = line.split(/[\s;&|]+/)
    const wrapper = ['cross-env', 'cross-env-shell', 'concurrently', 'env-cmd', 'dotenvx'].find(
      (name) => words.includes(name) && only(name),
    )
    if (wrapper !== undefined) return { program: wrapper, name: wrapper }
    for (const { program, args } of [...commandsOf(line), ...resolved(line, pkg.scripts)]) {
      const bare = program.replace(/^(?:\.\/)?node_modules\/\.bin\//, '')
      const found = [bare, ...(Object.hasOwn(packageOf, bare) ? (packageOf[bare] ?? []) : [])].find(only)
      if (found !== undefined) return { program: bare, name: found }
      const loaded = args.flatMap((arg, at) =>
        loads.has(args[at - 1] ?? '') ? [arg] : /^--(?:import|require)=/.test(arg) ? [arg.split('=')[1] ?? ''] : [],
      )
      const package_ = loaded.map((one) => /^(?:@[\w.-]+\/)?[\w.-]+/.exec(one)?.[0] ?? '').find(only)
      if (package_ !== undefined) return { program: `${bare} ${package_}`, name: package_ }
    }
  }
  return null
}
