// The common part of a call: its path arguments, as its row describes them.
//
// What rows cannot say is in special/; both start from the functions here.
#pragma once

#include <optional>
#include <string>

#include "engine/ptrace/base_directory.h"
#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/tracer.h"
#include "fs/resolve.h"

namespace nestp {

/// A path argument as the guest passed it.
struct GuestText {
  std::string text;
  Tracer::Directory base;  ///< where it starts, if it is relative and that was needed
};

/// Resolves every path argument of the frame's row and puts the translations in
/// their place; answers the call where the guest must see an error.
void translate_paths(CallFrame& frame);

/// The same for a row with one path; gives its canonical place, if it was resolved.
std::optional<GuestPath> translate_path(CallFrame& frame);

/// One path argument.  No value: there is none (null or empty), so the kernel
/// decides.  Errors: what the guest must see.  `seen`: the text as the guest passed it.
SysResult<std::optional<Resolved>> resolve_argument(CallFrame& frame, const PathArg& argument,
                                                    ResolveFlags flags = 0,
                                                    std::string* seen = nullptr);

/// Resolves text that is not an argument of the call, from the working directory.
SysResult<Resolved> resolve_text(CallFrame& frame, const std::string& text, LastLink last);

/// The host path for the kernel: by way of the base where what lies above that may not be searched.
std::string kernel_path(const Resolved& resolved);

/// What `resolved` stands for, for the extensions; index, follow and is_entry are the caller's.
CallObject object_of(CallFrame& frame, const Resolved& resolved);

}  // namespace nestp
