import type { Stack } from './stack.js'

/** The families of images that Berth can make. A stack is a line here. */
export const stacks: readonly Stack[] = [
  (await import('./debian/stack.js')).debianStack,
  (await import('./nginx/stack.js')).nginxStack,
  (await import('./node/stack.js')).nodeStack,
  (await import('./python/stack.js')).pythonStack,
  ...(await import('./php/stack.js')).phpStacks,
  (await import('./ruby/stack.js')).rubyStack,
  (await import('./go/stack.js')).goStack,
  (await import('./java/stack.js')).javaStack,
  (await import('./rust/stack.js')).rustStack,
  (await import('./cpp/stack.js')).cppStack,
  (await import('./elixir/stack.js')).elixirStack,
  (await import('./dotnet/stack.js')).dotnetStack,
]
