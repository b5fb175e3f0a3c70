/**
 * What an administrator sits before: commands of a line each, by words or on standard input. A client of the binary protocol (memcached,
 * BinaryProtocolRevamped and SASLAuthProtocol), since those that there are take a password in a list of processes only.
 */
export const client = (directory: string): string => `#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::INET;
open(my $file, '<', '${directory}/secret') or die "secret: $!\\n";
my $secret = <$file>;
my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 11211, Timeout => 5) or die "memcached does not answer: $@\\n";
$| = 1;

sub take {
  my ($length) = @_;
  my $data = '';
  while (length $data < $length) {
    my $read = sysread($server, $data, $length - length $data, length $data);
    die "memcached hung up\\n" unless $read;
  }
  return $data;
}

sub answer {
  my (undef, undef, $keys, $extras, undef, $status, $body) = unpack('CCnCCnN', take(24));
  my $data = take($body);
  return ($status, substr($data, $extras, $keys), substr($data, $extras + $keys));
}

sub ask {
  my ($opcode, $key, $extras, $value) = @_;
  print $server pack('CCnCCnNNx8', 0x80, $opcode, length $key, length $extras, 0, 0, length($key . $extras . $value), 0), $extras, $key, $value;
  $server->flush;
  return answer();
}

sub plain {
  my ($status, undef, $value) = @_;
  print $status == 0 ? ($value eq '' ? 'OK' : $value) : "ERROR $value", "\\n";
  return $status == 0;
}

# bytes, and clients without this one
sub measure {
  my %stats;
  my ($status, $name, $value) = ask(0x10, '', '', '');
  while ($status == 0 and $name ne '') {
    $stats{$name} = $value;
    ($status, $name, $value) = answer();
  }
  print "$stats{bytes} ", $stats{curr_connections} - 1, "\\n";
  return $status == 0;
}

sub obey {
  my ($verb, $key, $value) = @_;
  return plain(ask(0x0b, '', '', '')) if $verb eq 'version';
  return plain(ask(0x00, $key, '', '')) if $verb eq 'get' and defined $key;
  return plain(ask(0x01, $key, pack('NN', 0, 0), $value)) if $verb eq 'set' and defined $value;
  return plain(ask(0x04, $key, '', '')) if $verb eq 'delete' and defined $key;
  return plain(ask(0x08, '', '', '')) if $verb eq 'flush_all';
  return measure() if $verb eq 'measure';
  if ($verb eq 'stats') {
    my ($status, $name, $text) = ask(0x10, $key // '', '', '');
    while ($status == 0 and $name ne '') {
      print "STAT $name $text\\n";
      ($status, $name, $text) = answer();
    }
    return $status == 0;
  }
  print "commands: get KEY, set KEY VALUE, delete KEY, flush_all, stats [settings|items|slabs], version\\n";
  return 0;
}

my ($status) = ask(0x21, 'PLAIN', '', "\\0admin\\0$secret");
die "memcached does not let its administrator in\\n" if $status;
exit(obey(@ARGV) ? 0 : 1) if @ARGV;
while (1) {
  print 'memcached> ' if -t STDIN;
  my $line = <STDIN>;
  last unless defined $line;
  my @words = split(' ', $line, 3);
  obey(@words) if @words;
}
`
