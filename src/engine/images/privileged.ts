export type Xattrs = readonly (readonly [name: string, value: Buffer])[]

/**
 * Whether running a file of this mode with these attributes may give its caller more than it has: capabilities(7) and
 * execve(2). Without an x for the group, the setgid bit is no more than a mark: inode(7).
 */
export function isPrivileged(mode: number, xattrs: Xattrs): boolean {
  if ((mode & 0o111) === 0) return false
  return (mode & 0o4000) !== 0 || (mode & 0o2010) === 0o2010 || xattrs.some(([name]) => name === 'security.capability')
}
