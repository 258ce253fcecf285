#!/bin/sh
# Looks for the tools that the Makefile needs and reports everything that is missing at once, with the remedy.
# usage: check.sh run|test   ("test" also needs Java and Maven, for DynamoDB Local)
# It is a shell script because Go is one of the tools.
set -u
missing=0
found=''
escape=$(printf '\033')

# complain TOOL NEEDED FOUND WHY REMEDY
complain() {
	[ "$missing" -ne 0 ] || echo 'Tools are missing:' >&2
	missing=$((missing + 1))
	printf '\n  %s %s: %s\n      why:    %s\n      remedy: %s\n' "$1" "$2" "$3" "$4" "$5" >&2
}

# at_least FOUND NEEDED: compares the first two places of dotted versions.
at_least() {
	case $1 in *.*) ;; *) set -- "$1.0" "$2" ;; esac
	case $2 in *.*) ;; *) set -- "$1" "$2.0" ;; esac
	f=${1#*.} n=${2#*.}
	[ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${f%%.*}" -ge "${n%%.*}" ]; }
}

# need TOOL NEEDED WHY REMEDY VERSION-COMMAND...: the first dotted number that the command prints is the version.
need() {
	tool=$1 needed=$2 why=$3 remedy=$4
	shift 4
	if ! command -v "$tool" >/dev/null 2>&1; then
		complain "$tool" "$needed or newer" 'not found' "$why" "$remedy"
		return
	fi
	printed=$("$@" 2>&1)
	version=$(printf '%s\n' "$printed" | sed -e "s/$escape\[[0-9;]*m//g" -e '/^Picked up/d' | sed -n 's/^[^0-9]*\([0-9][0-9]*\(\.[0-9][0-9]*\)*\).*/\1/p' | sed -n 1p)
	if [ -z "$version" ]; then
		complain "$tool" "$needed or newer" "it tells no version: $printed" "$why" "$remedy"
	elif ! at_least "$version" "$needed"; then
		complain "$tool" "$needed or newer" "found $version" "$why" "$remedy"
	else
		found="$found$tool $version, "
	fi
}

need go 1.26 'everything is written in Go' \
	'https://go.dev/dl (1.21 and newer fetch 1.26 by themselves unless GOTOOLCHAIN=local)' go env GOVERSION
need node 20 'the CDK and its CLI run on Node.js' 'https://nodejs.org, or your system'"'"'s package nodejs' node --version
need npm 9 'it installs the pinned CDK CLI into .local/' 'it comes with Node.js, or your system'"'"'s package npm' npm --version
python=3.10
[ "${1:-test}" != test ] || python=3.11
need python3 $python 'MiniStack, the emulator of the local stack, is written in Python, and so is schemathesis, which tests the API' \
	'https://python.org, or your system'"'"'s package python3' python3 --version
if command -v python3 >/dev/null 2>&1 && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
	complain 'python3 venv' '' 'the modules venv and ensurepip are not there' 'MiniStack is installed into a virtual environment' \
		'your system'"'"'s package python3-venv'
fi
if [ "${1:-test}" = test ]; then
	need java 17 'DynamoDB Local, which the store'"'"'s tests use, is written in Java' \
		'https://adoptium.net, or your system'"'"'s package openjdk-17-jre-headless' java -version
	need cc 4 'the race detector of the tests needs a C compiler' 'your system'"'"'s package gcc or clang' cc --version
	need mvn 3.6 'it fetches DynamoDB Local into .local/' \
		'https://maven.apache.org, or your system'"'"'s package maven' mvn --version
fi

if [ "$missing" -ne 0 ]; then
	printf '\n%d missing. Install them and say the same command again.\n' "$missing" >&2
	exit 1
fi
echo "tools: ${found%, }"
