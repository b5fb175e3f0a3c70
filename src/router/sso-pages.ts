/** What the router answers in the stead of an app that has visitors sign in. */
export const ssoPages = {
  'sign-in': () => ({
    status: 401,
    title: 'This site wants you to sign in',
    text: 'Open it in a browser to do so, or open it anew if you were signed in. What you have just sent has not been taken.',
    hint: 'If it is yours: berth access',
  }),
  'sign-in-failed': () => ({
    status: 400,
    title: 'You could not be signed in',
    text: 'It took too long, was begun in another browser, or what came back was not right. Open the site anew to try again.',
    hint: 'If it is yours, berth access, and the log of the router',
  }),
  'signed-out': () => ({
    status: 200,
    title: 'You are signed out here',
    text: 'Where you signed in you may be signed in still: then the site lets you in again without a question.',
  }),
  'not-allowed': () => ({
    status: 403,
    title: 'Your account does not get in here',
    text: 'You have signed in, and this site is open to some accounts only.',
    hint: 'If it is yours: berth access',
  }),
  'issuer-away': () => ({
    status: 503,
    title: 'Nobody can sign in at the moment',
    text: 'Where this site has its visitors sign in there is no answer. Whoever is signed in already goes on. Try again in a few seconds.',
    hint: 'If it is yours: berth access',
  }),
  'no-such-place': () => ({
    status: 404,
    title: 'There is nothing here',
    text: 'What lies below /.berth/sso is not the site’s own.',
  }),
} as const
export type SsoPageKind = keyof typeof ssoPages
