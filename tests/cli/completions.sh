#!/bin/sh
# The shells' completions load and complete.
. "$(dirname -- "$0")/tap.sh"

for shell in bash zsh fish; do
  run --generate "$shell"
  printf '%s\n' "$out" >"completion.$shell"
  is "$status" 0 && [ -s "completion.$shell" ]
  point "there is one for $shell"
done

# complete WORD...: what bash offers for the last word.
complete() {
  bash -c '. ./completion.bash || exit
    COMP_WORDS=(nestp "$@") COMP_CWORD=$#
    _nestp && printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
is "$(complete --kill)" --kill-on-exit
point 'bash: an option'
is "$(complete --on-exit d)" detach
point 'bash: a word of a choice'
is "$(complete --on-exit = k)" kill
point 'bash: a word after ='
mkdir -p folder_only && touch folder_file
is "$(complete -r folder_)" folder_only
point 'bash: directories alone for -r'
complete --bind folder_ | grep -q folder_file
point 'bash: files too for --bind'
is "$(complete jch)" jchroot && complete re | grep -qx restore
point 'bash: another command as the first word'
is "$(complete --gen)" ''
point 'bash: nothing of what is hidden'
for shell in zsh fish; do
  if command -v $shell >/dev/null; then
    $shell -n "completion.$shell"
    point "$shell reads it"
  fi
done
done_testing
