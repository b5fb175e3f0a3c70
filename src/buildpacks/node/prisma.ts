import { has, type NodeApp } from './package-json.js'

const schemas = ['prisma/schema.prisma', 'schema.prisma', 'prisma/schema', 'prisma.config.ts', 'prisma.config.js']

/**
 * What generates Prisma's client, which its package does itself only where the schema is there when it is installed; null
 * for an app that has none, or whose scripts do it.
 */
export function prismaGenerates({ tree, pkg }: NodeApp): string | null {
  if (!has(pkg, 'prisma') && !has(pkg, '@prisma/client')) return null
  if (typeof pkg.prisma !== 'object' && !schemas.some((path) => tree.hasFile(path) || tree.hasDirectory(path)))
    return null
  const runs = ['heroku-prebuild', 'heroku-postbuild', 'prebuild', 'build', 'postinstall', 'prepare']
  return runs.some((name) => /\bprisma generate\b/.test(pkg.scripts[name] ?? '')) ? null : 'npx prisma generate'
}
