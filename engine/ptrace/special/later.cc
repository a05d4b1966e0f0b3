// Placeholders until their own files are in.
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/translate.h"

namespace nestp {

void special_root(CallFrame& frame) { translate_paths(frame); }
void special_mount(CallFrame& frame) { translate_paths(frame); }
void special_namespaces(CallFrame&) {}

}  // namespace nestp
