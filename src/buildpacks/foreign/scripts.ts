/** Where a build has the buildpacks, and at last what the last of them says of processes: a Procfile. */
export const place = '/buildpacks'
/** Where the image has that Procfile. */
export const typesFile = '/etc/buildpacks/Procfile'

/** Fetches a buildpack: from a repository over https alone, in a bounded time and size, and without asking anybody. */
export const fetchBuildpack = `#!/bin/bash
# fetch-buildpack NUMBER URL [REF]
set -euo pipefail
export GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https GIT_CONFIG_GLOBAL=/dev/null
ulimit -f 204800
git init -q "${place}/$1"
cd "${place}/$1"
timeout 180 git -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 fetch -q --depth 1 --no-tags -- "$2" "\${3:-HEAD}" || {
  echo "buildpack $2\${3:+#$3}: it cannot be fetched" >&2
  exit 1
}
git checkout -q FETCH_HEAD
rm -rf .git
`

/**
 * Runs a buildpack as Heroku's API has it, on the app where it lies. What the environment has is in files for it too, for as
 * long as it runs.
 */
export const runBuildpack = `#!/bin/bash
# run-buildpack NUMBER NAME [FOLDER]: runs it on the app, which it changes; /cache is kept for the app's next build
set -euo pipefail
buildpack=${place}/$1 name=$2
if [ -n "\${3:-}" ]; then
  mkdir "$buildpack"
  cp -a "$HOME/$3/." "$buildpack"
fi
chmod +x "$buildpack"/bin/*
variables=$(mktemp -d)
trap 'rm -rf "$variables"' EXIT
while IFS= read -r -d '' pair; do
  case "\${pair%%=*}" in
    '' | [0-9]* | *[!A-Za-z0-9_]* | PATH | HOME | PWD | OLDPWD | SHLVL | _ | STACK | HOSTNAME | BASH* | LD_* | GIT_* | CPATH | CPPATH | LIBRARY_PATH) ;;
    *) printf %s "\${pair#*=}" > "$variables/\${pair%%=*}" ;;
  esac
done < <(env -0)
set +eu
for file in ${place}/*/export; do
  if [ -f "$file" ]; then . "$file"; fi
done
set -eu
failed() {
  echo "buildpack $name: $1" >&2
  exit 1
}
if [ -e "$buildpack/bin/detect" ]; then
  found=$("$buildpack/bin/detect" "$HOME") || failed "bin/detect does not take this app (exit code $?)"
  echo "-----> $found"
fi
"$buildpack/bin/compile" "$HOME" /cache "$variables" || failed "bin/compile ended with exit code $?"
: > ${place}/release.yml
if [ -e "$buildpack/bin/release" ]; then
  "$buildpack/bin/release" "$HOME" > ${place}/release.yml || failed "bin/release ended with exit code $?"
fi
read-release ${place}/release.yml || failed 'what bin/release says is not YAML of default_process_types and config_vars'
`

/** Makes of what a buildpack says of processes and config vars a Procfile, and defaults for variables. */
export const readRelease = `#!/usr/bin/python3
import os, re, shlex, sys, yaml
with open(sys.argv[1]) as file:
    said = yaml.safe_load(file.read(100_000)) or {}
types = said.get("default_process_types") or {}
variables = said.get("config_vars") or {}
with open("${place}/Procfile", "w") as out:
    for name, command in types.items():
        out.write(f"{name}: {' '.join(str(command).split())}\\n")
known = [(name, value) for name, value in variables.items() if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", str(name))]
if known:
    directory = os.path.join(os.environ["HOME"], ".profile.d")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "00_config_vars.sh"), "a") as out:
        for name, value in known:
            out.write(f'[ -n "\${{{name}+x}}" ] || export {name}={shlex.quote(str(value))}\\n')
`

/** Runs a process as Heroku does: once what the buildpacks have left for its environment is read. */
export const withProfile = `#!/bin/bash
# with-profile COMMAND...: runs it with .profile.d and .profile around it
words=("$@")
set --
cd "$HOME"
for file in .profile.d/*.sh .profile; do
  if [ -f "$file" ]; then . "./$file"; fi
done
exec "\${words[@]}"
`
