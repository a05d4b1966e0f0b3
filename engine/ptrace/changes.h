// What a call will have changed of what was known: links, names of directories, answers given.
#pragma once

#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/refusal.h"

namespace nestp {

/// Sees to it that nothing of what the call changes is believed while it runs, nor after.
void note_changes(CallFrame& frame, const CallPaths& found);
/// The same for fchmod(2).
void note_changes_of_descriptor(CallFrame& frame);

}  // namespace nestp
