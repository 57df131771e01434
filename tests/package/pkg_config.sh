#!/bin/sh
# Builds the consumer with nothing but a compiler and pkg-config, and runs it.
# usage: pkg_config.sh static|shared LIBDIR VERSION SOURCE-DIRECTORY BUILD-DIRECTORY
set -eu
kind=$1 libdir=$2 version=$3 source=$4 build=$5

export PKG_CONFIG_PATH="$libdir/pkgconfig"
test "$("$PKG_CONFIG" --modversion inotify++)" = "$version"

if [ "$kind" = static ]; then static=--static; else static=; fi
flags=$("$PKG_CONFIG" --cflags --libs $static inotify++)
mkdir -p "$build"
# pkg-config quotes for the shell: eval takes a path with a space for the one word it is.
set -- "$source"/*.cpp
eval '"$CXX" -std=c++20' "${CXXFLAGS-}" '"$@"' "$flags" '-o "$build/consumer"'

LD_LIBRARY_PATH="$libdir" "$build/consumer"
