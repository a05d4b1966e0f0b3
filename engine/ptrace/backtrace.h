// A stopped guest thread as text: its call chain and its registers.
//
// For reports of fatal signals and of nestp's own bugs, so it may be slow but
// must come back whatever the guest's memory and files hold: libunwind, which
// backtrace.cc alone sees, works in a short-lived child process with a deadline.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/registers.h"

namespace nestp {

/// How a mapped file's host path is shown to a person.
using ShowPath = std::function<std::string(std::string_view host_path)>;

/// Lines "#0 0x7f0123456789 name+0x12 (/lib/libc.so.6)", innermost first, at most `limit`.
///
/// `stopped_thread` is ptrace-stopped under the calling thread.  Threads of
/// another ABI than the host's own have their innermost line only.  What cannot
/// be found out is left out; empty if the thread is gone.
std::vector<std::string> backtrace(pid_t stopped_thread, const ShowPath& show_path = nullptr,
                                   int limit = 32);

/// Two lines: the call as far as the registers tell it, then all register words in hexadecimal.
std::string registers_text(const Registers& registers);

}  // namespace nestp
