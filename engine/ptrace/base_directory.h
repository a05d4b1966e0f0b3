// Where a relative path argument starts, also if that directory was removed.
#pragma once

#include <optional>
#include <string>

#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/tracer.h"

namespace nestp {

/// A path of the host that leads to the base of an argument, whatever its name is.
std::string base_anchor(CallFrame& frame, const PathArg& argument);

/// Base directory of a path argument: the dirfd's, or the working directory.
Tracer::Directory base_directory(CallFrame& frame, const PathArg& argument);

/// The kernel says of the directory's name that it is gone.
bool is_removed(const Tracer::Directory& directory);

/// The name that the base of an argument had, if that is a removed directory of the view.
std::optional<GuestPath> removed_directory(CallFrame& frame, const PathArg& argument);

/// A removed directory has one way out, its "..", behind which links lead on: then
/// `base` becomes its parent, `anchor` leads there and `text` loses that component.  EACCES: `from`
/// may not search it.
struct PathStart {
  Tracer::Directory base;
  std::string anchor;
  std::string text;
};
SysResult<> leave_removed_directory(CallFrame& frame, const PathArg& argument,
                                    const ResolveFrom& from, PathStart& start);

}  // namespace nestp
