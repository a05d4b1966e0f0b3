// The calls that data cannot describe: one function a Special of the table, each
// in the file of its name.
//
// Each gets a frame at the entry stop and decides how the call goes on; the loop
// resumes the thread.  None of them sees the loop.
#pragma once

#include "engine/ptrace/call_frame.h"

namespace nestp {

/// Special::none, and those that need no more than their row: paths and addresses.
void ordinary_call(CallFrame& frame);

void special_exec(CallFrame& frame);
void special_cwd(CallFrame& frame);
void special_root(CallFrame& frame);
void special_mount(CallFrame& frame);
void special_socket(CallFrame& frame);
void special_listing(CallFrame& frame);
void special_ptrace(CallFrame& frame);
void special_wait(CallFrame& frame);
void special_prctl(CallFrame& frame);
void special_namespaces(CallFrame& frame);
void special_handle(CallFrame& frame);
void special_affinity(CallFrame& frame);
void special_unavailable(CallFrame& frame);

}  // namespace nestp
