#!/bin/sh
# Wrong words are one line on the standard error, and 125.
. "$(dirname -- "$0")/tap.sh"

run
fails 125 'no option and no command; try --help$' 'nothing at all'
run --frobnicate
fails 125 "unknown option '--frobnicate'; try --help$" 'an unknown option'
run --bnd=/x true
fails 125 "unknown option '--bnd', did you mean '--bind'\\?; try --help$" 'a misspelt option'
run -b
fails 125 "option '-b' needs a value: HOST" 'a missing value'
run -p 80 true
fails 125 "option '-p': '80' is not IN:OUT, two ports from 1 to 65535; try --help" 'half a value'
run -q qemu-nothing true
fails 125 'emulator "qemu-nothing" is not in PATH; give its path to -q' 'a missing emulator'
run proot --bind /x true
fails 125 "option '--bind' and its value must be joined by '='" "PRoot's grammar"
run proot -- true
fails 125 "unknown option '--'; " "PRoot's grammar has no --"
as_user env NESTP_LOG=loud "$nestp" true >out 2>err
[ $? = 125 ] && [ "$(wc -l <err)" = 1 ]
point 'a wrong NESTP_LOG'
as_user env PROOT_VERBOSE=loud "$nestp" true >out 2>err
[ $? = 125 ] && grep -q "^nestp: variable PROOT_VERBOSE: 'loud' is not a number$" err
point 'a wrong PROOT_VERBOSE'
done_testing
