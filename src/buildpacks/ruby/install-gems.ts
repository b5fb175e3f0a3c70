/**
 * `install-gems <source> [gem…]`: puts the gems of the Gemfile in the current directory into an image; the source may be
 * `usual`. One layer, whichever way it takes: the compilers that it needs are gone at its end. $BUILD and $RUN name the Debian
 * packages that gems are linked with.
 */
export const installGems = `#!/bin/bash
set -eo pipefail
source=$1
shift
[ "$source" != usual ] || source=$(ruby -e 'print Gem.sources.to_a.first')
host=\${source#*://}
host=\${host%%/*}
# a mirror stands for all that Bundler is set to have from it
mirror=$(env | sed -n 's/^BUNDLE_MIRROR__[A-Z0-9_:./]*=//p' | head -n1)
reached() {
  timeout 30 ruby -rnet/http -e 'to = URI(ARGV[0]); Net::HTTP.start(to.host, to.port, use_ssl: to.scheme == "https", open_timeout: 8, read_timeout: 8) { |server| server.head("/") }' "\${mirror:-$source}" 2>/dev/null
}
debian() { apt-get install -qy --no-install-recommends "$@"; }
compiled() {
  local tools="gcc g++ libc6-dev libyaml-dev make pkg-config $BUILD"
  [ ! -x /usr/bin/ruby3.1 ] || tools="$tools ruby-dev"
  ! grep -q '^GIT' Gemfile.lock 2>/dev/null || tools="$tools git"
  debian libyaml-0-2 $RUN $tools
  BUNDLE_FROZEN=$([ ! -s Gemfile.lock ] || echo 1) bundle install --jobs 4 --retry 2 "$@"
  apt-get purge -qy --auto-remove $tools
  find "$GEM_HOME" -name '*.o' -delete
}
# without a lock file Bundler wants to see all gems, those for development too: a Gemfile of the others
production() {
  ruby -rbundler -e '
    without = %i[development test]
    all = Bundler::Dsl.new.tap { |dsl| dsl.eval_gemfile("Gemfile") }.dependencies
    lines = all.select { |gem| gem.should_include? && (gem.groups - without).any? }.map do |gem|
      path = gem.source.path.to_s if gem.source.instance_of?(Bundler::Source::Path)
      options = { groups: gem.groups, require: gem.autorequire, path: path }.compact
      "gem #{[gem.name, *gem.requirement.as_list].map(&:inspect).join(", ")}, **#{options.inspect}"
    end
    File.write("Gemfile", ["source #{ARGV[0].inspect}", *lines, ""].join("\\n"))' "$source"
}
packaged() {
  local packages= missing= gem name found
  for gem; do
    found=
    for name in "ruby-\${gem//_/-}" "$gem" "ruby-\${gem%-ruby}"; do
      if apt-cache show "\${name,,}" 2>/dev/null | grep -E '^(Depends:.*ruby|Section: ruby)' >/dev/null; then found=\${name,,}; break; fi
    done
    if [ -n "$found" ]; then packages="$packages $found"; else missing="$missing $gem"; fi
  done
  if [ ! -x /usr/bin/ruby3.1 ]; then echo "berth: $host cannot be reached, so there are no gems"; exit 1; fi
  if [ -n "$missing" ]; then echo "berth: $host cannot be reached, and Debian has no package of$missing"; exit 1; fi
  echo "$host cannot be reached: the gems are Debian's, and Gemfile.lock is not followed"
  debian $packages
  production
  rm -f Gemfile.lock
  bundle install --local
  bundle list
}
apt-get update -q
if compgen -G 'vendor/cache/*.gem' >/dev/null; then compiled --local
elif [ $# -eq 0 ]; then bundle install --local
elif reached; then compiled
else packaged "$@"
fi
[ -f Gemfile.lock ] || touch Gemfile.lock
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/* "$GEM_HOME"/cache
`
