/** Which link of which service a release has, by config var. A rotated password is another revision, and so another release. */
export type ReleaseLinks = Readonly<
  Record<string, { readonly service: string; readonly link: string; readonly revision: number }>
>
