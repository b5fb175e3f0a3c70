import { randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { readIfThere } from '../lib/missing.js'

/** For Perl. */
const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`

export const hooksDirectory = (config: Config): string => join(config.root, 'git', 'hooks')

/** Perl: a request to the API. */
const asking = String.raw`sub slurp { open my $file, '<', $_[0] or exit 1; local $/; <$file> }

# The status of the answer, 0 when there is none or it breaks off; its text goes to the pusher.
sub ask {
  my ($path, $body) = @_;
  my $to;
  socket($to, 1, 1, 0) && connect($to, pack('S a108', 1, $api)) or return 0;
  my $length = length $body;
  my $question = "POST $path HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n$secret\r\n"
    . "Content-Type: text/plain\r\nContent-Length: $length\r\n\r\n$body";
  for (my $at = 0; $at < length $question;) {
    $at += syswrite($to, $question, 65536, $at) || return 0;
  }
  my $status = (split ' ', <$to> // '')[1] or return 0;
  my ($left, $chunked) = (0, 0);
  while (1) {
    my $field = <$to> // return 0;
    last if $field =~ /^\r?\n/;
    $left = $1 if $field =~ /^content-length: *(\d+)/i;
    $chunked = 1 if $field =~ /^transfer-encoding: *chunked/i;
  }
  return $status if $status == 204;
  while (1) {
    if ($chunked) { (<$to> // '') =~ /^([0-9a-f]+)/i or return 0; $left = hex $1 }
    return $status if $left == 0;
    while ($left > 0) {
      $left -= read($to, my $text, $left < 65536 ? $left : 65536) || return 0;
      print $text if $path !~ /verdict/;
    }
    <$to> // return 0 if $chunked;
  }
}
`

/**
 * Hands the push to the api process and passes on what it writes for the pusher, then asks whether the push is taken. An answer
 * that breaks off, or no answer, means that the api process died; the operation goes on without it, so the hook asks again until
 * somebody knows how it ended. By then nobody listens to the pusher's end: the log is not repeated. A push is named by its
 * receive-pack process: pid and start time (proc(5), field 22), so that both hooks, and a hook that asks again, name the same one.
 *
 * In Perl and without a module, for one process that starts in 2 ms: a shell with cat and curl takes 12, on every push. Debian
 * is nowhere without it (perl-base is essential), nor is git.
 */
const preReceive = (config: Config): string => String.raw`#!/usr/bin/perl
# Written by Berth at its start; the same for all its repositories.
$| = 1;
$SIG{PIPE} = 'IGNORE';
my $api = ${quoted(config.apiSocket)};

${asking}
my $parent = getppid;
my @stat = split ' ', slurp("/proc/$parent/stat") =~ s/.*\) //sr;
my $push = "$parent-$stat[19]";
my ($repository) = readlink('/proc/self/cwd') =~ m{([^/]*)$};
our $secret = slurp(${quoted(join(hooksDirectory(config), 'secret'))}) =~ s/\n//r;
my $commands = do { local $/; <STDIN> };
my $query = "repository=$repository&push=$push" . (($ENV{BERTH_SYNC} // '') =~ /^(\w+)$/a ? "&sync=$1" : '');
my $options = join '', map { "option $ENV{qq(GIT_PUSH_OPTION_$_)}\n" } 0 .. ($ENV{GIT_PUSH_OPTION_COUNT} // 0) - 1;
for my $again (0 .. 1499) {
  $again and select(undef, undef, undef, 0.2);
  ask("/internal/pre-receive?$query&again=" . ($again ? 1 : 0), "objects $ENV{GIT_OBJECT_DIRECTORY}\n$options$commands") or next;
  my $verdict = ask("/internal/verdict?$query", '');
  exit 0 if $verdict == 204;
  exit 1 if $verdict =~ /^4/;
}
exit 1;
`

/**
 * Leaves the ref alone: receive-pack would move it only from where the pusher last saw it, but while this push waited for another's
 * operation, that one moved it. The api process has moved it to what was deployed last, and left what git is to be told.
 */
const procReceive = `#!/bin/sh
# Written by Berth at its start; the same for all its repositories.
set -fu
read -r stat <"/proc/$PPID/stat"
set -- \${stat##*) }
shift 19
cat "berth/$PPID-$1/answer" || exit 1
while read -r _; do :; done
`

/** Writes the hooks. @returns the header a hook proves itself with; the same as long as the instance lives */
export async function installHooks(config: Config): Promise<string> {
  const directory = hooksDirectory(config)
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const put = async (name: string, text: string, mode: number): Promise<void> => {
    const file = join(directory, name)
    await writeFile(`${file}.new`, text, { mode })
    await rename(`${file}.new`, file)
  }
  const known = (await readIfThere(join(directory, 'secret'))) ?? ''
  const secret = known.startsWith(header) ? known.slice(header.length).trim() : randomBytes(32).toString('base64url')
  await put('secret', `${header}${secret}\n`, 0o600)
  await put('pre-receive', preReceive(config), 0o750)
  await put('proc-receive', procReceive, 0o750)
  return secret
}

const header = 'Berth-Hook: '
