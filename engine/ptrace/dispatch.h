// From a stop at a call to the code that decides it.
#pragma once

#include <span>

#include "engine/extension.h"
#include "engine/ptrace/call_frame.h"

namespace nestp {

/// Decides a call at its entry: extensions first, then what its row says.
void decide_entry(CallFrame& frame);

/// Some extension wants to see what the call's paths stand for.
bool wants_objects(CallFrame& frame);

/// Shows the extensions what the call's paths stand for; they may replace host paths.
/// True: the call is decided.
bool ask_about_objects(CallFrame& frame, std::span<CallObject> objects);

/// At the exit stop: the row's own work, then the extensions in reverse.
void decide_exit(CallFrame& frame);

}  // namespace nestp
