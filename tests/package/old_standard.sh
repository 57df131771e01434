#!/bin/sh
# Each header that is not good C++17 says in one error what it needs, and nothing else.
# usage: old_standard.sh COMPILER INCLUDE-DIRECTORY
set -eu
cd "$2"
for header in inotify/*.hpp inotify/detail/*.hpp; do
  if said=$(echo "#include <$header>" | "$1" -std=c++17 -fsyntax-only -I. -x c++ - 2>&1); then continue; fi
  # The second error is the one that ends the compilation.
  if [ "$(echo "$said" | grep -c 'error: ')" -gt 2 ] || ! echo "$said" | grep -q 'needs C++20'; then
    echo "$said"
    exit 1
  fi
done
