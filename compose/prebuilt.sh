#!/bin/bash
# Makes the contexts of Dockerfile.prebuilt in target/compose/: one directory per image, with the programs of
# target/release and the shared libraries that they name, at their own paths, and nothing else.
set -euo pipefail
umask 022 # what is copied has to be readable to user 65532

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
built=${CARGO_TARGET_DIR:-$repository/target}/release
contexts=$repository/target/compose

# add_program ROOT PATH: a dynamic program, its libraries and its loader.
add_program() {
    local root=$1 program=$2 library
    if [ ! -x "$program" ]; then
        echo "$program does not exist; build it with: cargo build --release" >&2
        return 1
    fi
    mkdir -p "$root/usr/local/bin"
    strip --strip-debug -o "$root/usr/local/bin/$(basename "$program")" "$program"
    chmod 755 "$root/usr/local/bin/$(basename "$program")"
    for library in $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp --dereference "$library" "$root$library"
    done
}

# context IMAGE PROGRAM…
context() {
    local directory=$contexts/$1 program
    shift
    rm -rf "$directory"
    mkdir -p "$directory/root" "$directory/empty"
    cp "$repository/compose/Dockerfile.prebuilt" "$directory/"
    for program; do
        add_program "$directory/root" "$program"
    done
}

context edge-proxy "$built/edge-proxy"
context api-gateway "$built/api-gateway"
context echo-upstream "$built/echo-upstream"
context pki "$built/compose-pki" "$built/certs"
